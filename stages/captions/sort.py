"""Medical text, ROI text or neither; and the field of pathology a video belongs to."""

import functools
import math
import re
from pathlib import Path

from stages.common.data.files import read_yaml
from stages.common.tables.captions import Kind, SubPathology
from stages.common.text.lexicon import EntityMention

FIELDS_FILE = Path(__file__).parent / "sub_pathologies.yaml"
WEIGHTS = {"names": 3.0, "signs": 1.0}
FLOOR = 0.1  # score of every field before any word counts
MEDICAL = frozenset({"Anatomy", "Cell", "Disease", "Finding", "Neoplasm", "Stain", "Substance", "Tissue"})


def kind(text: str, entities: list[EntityMention], cues: tuple[str, ...]) -> Kind:
    """Return roi for a sentence with a medical term and a pointing cue, medical for one with a term, else other.

    UMLS brings semantic types of its own; all of them count as medical.
    """
    if not any(entity.semantic_type in MEDICAL or entity.id.startswith("UMLS:") for entity in entities):
        return "other"
    pattern = r"\b(" + "|".join(re.escape(cue) for cue in cues) + r")\b"
    return "roi" if re.search(pattern, text.lower()) else "medical"


@functools.cache
def fields() -> dict[str, dict[str, list[str]]]:
    """The 18 sub-pathology fields of the paper (section 3), each with words that indicate it: names and signs."""
    tree: dict[str, dict[str, list[str]]] = read_yaml(FIELDS_FILE)
    return tree


def sub_pathology(title: str, text: str, top: int = 3) -> list[SubPathology]:
    """Return the `top` fields with a probability each: their shares of the scores of all fields.

    A word counts by the logarithm of how often it is said, so that many different words beat one that is repeated; the
    title counts five times, a name three times as much as a sign.
    """
    spoken, heading = text.lower(), title.lower()
    weights = {
        field: FLOOR + sum(WEIGHTS[kind] * _weight(word, spoken, heading) for kind in WEIGHTS for word in words[kind])
        for field, words in fields().items()
    }
    total = sum(weights.values())
    ranked = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:top]
    return [{"field": field, "probability": round(value / total, 3)} for field, value in ranked]


def _weight(word: str, spoken: str, heading: str) -> float:
    pattern = rf"\b{re.escape(word)}"
    return math.log2(1 + len(re.findall(pattern, spoken)) + 5 * len(re.findall(pattern, heading)))
