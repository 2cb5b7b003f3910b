"""Timed words cut into sentences."""

import functools
from dataclasses import dataclass
from typing import Any

from stages.captions.phrases import nltk_with
from stages.common.tables.transcripts import Word

PAUSE_S = 1.5  # a silence this long ends a sentence even where the recogniser set no full stop


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
    """Return the sentences of `words` ({word, start, end}, in time order), split by NLTK's Punkt and by long pauses."""
    found = []
    for run in _runs(words):
        begin = 0
        for text in _splitter(nltk_data).tokenize(" ".join(word["word"] for word in run)):
            count = len(text.split())
            part = run[begin : begin + count]
            found.append(
                TimedSentence(text, part[0]["start"], part[-1]["end"], [(word["start"], word["end"]) for word in part])
            )
            begin += count
    return found


def _runs(words: list[Word]) -> list[list[Word]]:
    runs: list[list[Word]] = []
    for word in words:
        if not runs or word["start"] - runs[-1][-1]["end"] > PAUSE_S:
            runs.append([])
        runs[-1].append(word)
    return runs
