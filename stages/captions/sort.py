"""Medical text, ROI text or neither; and the field of pathology a video belongs to."""

import functools
import math
import re
from collections import Counter
from pathlib import Path

from stages.common.data.files import read_yaml
from stages.common.tables.captions import UNKNOWN, Kind, SubPathology
from stages.common.text.lexicon import EntityMention

FIELDS_FILE = Path(__file__).parent / "sub_pathologies.yaml"
WEIGHTS = {"names": 3.0, "signs": 1.0}
TITLE = 5  # times that a word in the title counts
FLOOR = 0.1  # score of every field before any word counts
LEAST = 1.0  # score, at least, of a field that is told
MARGIN = 1.02  # how many times as much the first field must score as the second
# Figures of speech that are made of medical words.
IDIOM = re.compile(
    r"\b(?:cell ?phones?|(?:keep|kept|keeping) (?:an|your|our) eyes?|eye[- ]?(?:opening|catching)|thick skin|skin ?care"
    r"|(?:break|broke|warm|melt)\w* my heart|heart of the matter|(?:learn|know)\w* by heart|bottom of my heart"
    r"|gut feeling|pain in the neck|bones? to pick|broad strokes?|stroke of luck|nerve[- ]wracking|lose (?:your"
    r"|my) nerve"
    r"|went viral|viral (?:video|post)|computer virus|cold feet|rule of thumb|hand in hand|on the other hand|head over"
    r"|heads? up|back ?bone of|blood,? sweat|sick of|rash decision|tissue paper|mass (?:email|media|production)"
    r"|bleeding edge|margin of error|cheat sheets?)\b"
)
# What is said about the video, the channel or the speaker's own life.
ASIDE = re.compile(
    r"\b(?:subscrib\w+|sponsor\w*|patreon|newsletter|like button|hit the bell|enjoyed|for (?:watching|joining"
    r"|listening)"
    r"|see you (?:next|in the next|soon)|welcome (?:back )?to (?:my|our|the) (?:channel|lecture|course)|promo code"
    r"|discount"
    r"|(?:our|my) website|(?:comments?|links?) (?:below|section)|in the description|follow (?:me|us)"
    r"|my (?:wife|husband|mom|mother|dad|father|kids?|son|daughter|dog|cat|boss|neighbou?r|phone))\b"
)
# Words of the field that no vocabulary has, by their ends: nobody says them of anything else.
MEDICAL = re.compile(
    r"\b(?!(?:diagnos|prognos|hypnos|metamorphos|symbios|osmos)is\b)[a-z]{3,}"
    r"(?:itis|osis|cytes?|cytic|blasts?|blastic|plasia|plastic tumou?rs?|epithelial|nucleated|nucleolar|philic)\b"
    r"|\b(?:hyper|hypo|peri|intra|sub|micro|pseudo)(?:cellular|nuclear|vascular|granular|epithelial|chromatic"
    r"|plastic)\b"
)


def kind(text: str, entities: list[EntityMention], cues: tuple[str, ...]) -> Kind:
    """Return roi for a sentence with a medical term and a pointing cue, medical for one with a term, else other.

    All semantic types count as medical. Terms in figures of speech do not, and neither does an aside.
    """
    lower = text.lower()
    idioms = [match.span() for match in IDIOM.finditer(lower)]
    terms = [one for one in entities if not any(begin <= one.start < end for begin, end in idioms)]
    if ASIDE.search(lower) or not (terms or MEDICAL.search(IDIOM.sub(" ", lower))):
        return "other"
    pattern = r"\b(" + "|".join(re.escape(cue) for cue in cues) + r")\b"
    return "roi" if re.search(pattern, lower) else "medical"


@functools.cache
def fields() -> dict[str, dict[str, list[str]]]:
    """The 18 sub-pathology fields of the paper (section 3), each with words that indicate it: names and signs."""
    tree: dict[str, dict[str, list[str]]] = read_yaml(FIELDS_FILE)
    return tree


@functools.cache
def _words() -> tuple[re.Pattern[str], dict[str, list[tuple[str, float]]]]:
    """A pattern of all words of all fields, the longest first; and the fields and weights of each."""
    speak: dict[str, list[tuple[str, float]]] = {}
    for field, words in fields().items():
        for kind, weight in WEIGHTS.items():
            for word in words[kind]:
                speak.setdefault(word, []).append((field, weight))
    order = sorted(speak, key=lambda word: (-len(word), word))
    groups = (
        f"({re.escape(word[:-1])}\\w*)" if word.endswith("*") else f"({re.escape(word)})(?:e?s)?" for word in order
    )
    return re.compile(r"\b(?:" + "|".join(groups) + r")\b"), {word: speak[word] for word in order}


def sub_pathology(title: str, text: str, top: int = 3) -> list[SubPathology]:
    """Return the `top` fields with a probability each: their shares of the scores of all fields.

    A word counts by the logarithm of how often it is said, so that many different words beat one that is repeated; the
    title counts five times, a name three times as much as a sign. Where no field stands out, the first is UNKNOWN.
    """
    pattern, speak = _words()
    words = list(speak)
    said: Counter[str] = Counter()
    for part, times in ((text, 1), (title, TITLE)):
        for match in pattern.finditer(re.sub(r"[-_.,'’]+", " ", part.lower())):
            said[words[(match.lastindex or 1) - 1]] += times
    scores = dict.fromkeys(fields(), FLOOR)
    for word, times in said.items():
        for field, weight in speak[word]:
            scores[field] += weight * math.log2(1 + times)
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    total = sum(scores.values())
    guesses: list[SubPathology] = [
        {"field": name, "probability": round(score / total, 3)} for name, score in ranked[:top]
    ]
    (_, first), (_, second) = ranked[:2]
    if first < LEAST or first < second * MARGIN:
        return [{"field": UNKNOWN, "probability": 0.0}, *(guesses[: top - 1] if first >= LEAST else [])]
    return guesses
