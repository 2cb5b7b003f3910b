"""Timed words cut into sentences: sentence boundary detection by marks and, where they are missing, by pauses."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from stages.captions.phrases import nltk_with
from stages.common.tables.transcripts import Word

PAUSE_S = 1.5  # a silence this long ends a sentence even where the recogniser set no full stop
LONGEST = 25  # words; what goes on for longer without a mark is several sentences
PACE = 2.5  # a word that takes so many times as long as those around it, up to the next, is followed by a pause
AROUND = 8  # words on either side that tell the pace
SHORTEST = 3  # words of a sentence that pauses make
# Words that no sentence ends with, and words with which a speaker begins the next one.
LINKS = re.compile(
    r"an?|the|th[eo]se|my|your|his|her|its|our|their|of|in|on|at|to|from|with|by|for|as|into|between|than|and|or|but"
    r"|because|which|who|if|when|while|is|are|was|were|be|been|ha[sd]|have|can|could|may|might|will|would|should|not"
    r"|no|very|more|most|some|any|each|every"
)
OPENERS = re.compile(r"so|now|next|then|ok(ay)?|alright|here|let's|finally|and|but")


@dataclass(frozen=True)
class TimedSentence:
    """A spoken sentence; `times` has the start and end of each word, in seconds."""

    text: str
    start: float
    end: float
    times: list[tuple[float, float]]


@functools.cache
def _splitter(nltk_data: str) -> Any:
    return nltk_with(nltk_data).tokenize.PunktTokenizer("english")


def sentences(words: list[Word], nltk_data: str) -> list[TimedSentence]:
    """Return the sentences of `words` ({word, start, end}, in time order), split by NLTK's Punkt and by long pauses.

    Where full stops are missing, shorter pauses end sentences too.
    """
    found = []
    for run in _runs(words):
        begin = 0
        for text in _splitter(nltk_data).tokenize(" ".join(word["word"] for word in run)):
            part = run[begin : begin + len(text.split())]
            begin += len(part)
            found += [_timed(piece) for piece in (_by_pauses(part) if _lacks_full_stops(part) else [part])]
    return found


def _timed(words: list[Word]) -> TimedSentence:
    times = [(word["start"], word["end"]) for word in words]
    return TimedSentence(" ".join(word["word"] for word in words), words[0]["start"], words[-1]["end"], times)


def _lacks_full_stops(words: list[Word]) -> bool:
    """Whether Punkt's sentence goes on for too long to be one; up to twice as long, commas make it believable."""
    if len(words) <= LONGEST or len(words) > 2 * LONGEST:
        return len(words) > LONGEST
    marks = [n for n, word in enumerate(words, start=1) if word["word"][-1] in ",;:.?!"]
    return marks[-1:] != [len(words)] or max(b - a for a, b in pairwise([0, *marks])) > LONGEST


def _by_pauses(words: list[Word]) -> Iterator[list[Word]]:
    """`words` cut at every pause; what is still too long, at its longest, best before a word that opens a sentence.

    A recogniser's word may last until the next begins, so a pause is told by the time between two beginnings.
    """
    steps = [after["start"] - word["start"] for word, after in pairwise(words)]
    paces = [median(steps[max(0, n - AROUND) : n + AROUND + 1]) for n in range(len(steps))]
    pauses = [step / max(pace, 0.01) for step, pace in zip(steps, paces, strict=True)]
    begin = 0
    for n, pause in enumerate(pauses, start=1):  # before word n
        if pause >= PACE and n - begin >= SHORTEST and len(words) - n >= SHORTEST and _ends(words[n - 1]):
            yield from _short(words[begin:n], pauses[begin : n - 1])
            begin = n
    yield from _short(words[begin:], pauses[begin:])


def _short(words: list[Word], pauses: list[float]) -> Iterator[list[Word]]:
    """`words` in parts of at most LONGEST; `pauses` are those between them."""
    if len(words) <= LONGEST:
        yield words
        return
    places = range(SHORTEST, len(words) - SHORTEST + 1)
    cut = max(places, key=lambda n: (_weight(words[n - 1], words[n], pauses[n - 1]), -abs(2 * n - len(words))))
    yield from _short(words[:cut], pauses[: cut - 1])
    yield from _short(words[cut:], pauses[cut:])


def _weight(before: Word, after: Word, pause: float) -> float:
    """How well a sentence ends between two words."""
    return pause * (2 if OPENERS.fullmatch(_bare(after)) else 1) * (1 if _ends(before) else 0.1)


def _ends(word: Word) -> bool:
    """Whether a sentence may end with `word`."""
    return not LINKS.fullmatch(_bare(word))


def _bare(word: Word) -> str:
    return word["word"].strip(".,;:?!").lower()


def _runs(words: list[Word]) -> list[list[Word]]:
    runs: list[list[Word]] = []
    for word in words:
        if not runs or word["start"] - runs[-1][-1]["end"] > PAUSE_S:
            runs.append([])
        runs[-1].append(word)
    return runs
