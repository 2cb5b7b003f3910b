"""Medical text, region text or neither; and the field of pathology a video belongs to."""

import functools
import re
from pathlib import Path
from typing import Any

import yaml

from stages.common.lexicon import Entity

FIELDS = Path(__file__).parent / "sub_pathologies.yaml"
MEDICAL = frozenset({"Anatomy", "Cell", "Disease", "Finding", "Neoplasm", "Stain", "Substance", "Tissue"})


def kind(text: str, entities: list[Entity], cues: tuple[str, ...]) -> str:
    """Return roi for a sentence with a medical term and a pointing cue, medical for one with a term, else other.

    UMLS brings semantic types of its own; all of them count as medical.
    """
    if not any(entity.semantic_type in MEDICAL or entity.id.startswith("UMLS:") for entity in entities):
        return "other"
    pattern = r"\b(" + "|".join(re.escape(cue) for cue in cues) + r")\b"
    return "roi" if re.search(pattern, text.lower()) else "medical"


@functools.cache
def fields() -> dict[str, list[str]]:
    """The 18 sub-pathology fields of the paper (section 3) and words that speak for each."""
    tree: dict[str, list[str]] = yaml.safe_load(FIELDS.read_text(encoding="utf-8"))
    return tree


def sub_pathology(title: str, text: str, top: int = 3) -> list[dict[str, Any]]:
    """Return the `top` fields with a probability each: the share of keyword hits, the title counting five times."""
    hits = {
        field: 0.1 + sum(5 * len(_hits(word, title)) + len(_hits(word, text)) for word in words)
        for field, words in fields().items()
    }
    total = sum(hits.values())
    ranked = sorted(hits.items(), key=lambda pair: (-pair[1], pair[0]))[:top]
    return [{"field": field, "probability": round(value / total, 3)} for field, value in ranked]


def _hits(word: str, text: str) -> list[str]:
    return re.findall(rf"\b{re.escape(word)}", text.lower())
