"""Key phrases of a text, by RAKE (rapid automatic keyword extraction)."""

import functools
import re
from typing import Any

from stages.common.models.weights import locate


def nltk_with(nltk_data: str) -> Any:
    """Return NLTK, its data being in `nltk_data`, a place for stages.common.models.weights."""
    import nltk

    place = str(locate(nltk_data))
    if place not in nltk.data.path:
        nltk.data.path.insert(0, place)
    return nltk


@functools.cache
def stopwords(nltk_data: str) -> frozenset[str]:
    """NLTK's English stop words, from the folder or package `nltk_data`."""
    return frozenset(nltk_with(nltk_data).corpus.stopwords.words("english"))


def keyphrases(text: str, nltk_data: str, longest: int) -> list[str]:
    """Candidate phrases as RAKE forms them (Rose et al. 2010): runs of words between stop words and punctuation, in
    lower case, at most `longest` words each; longer runs are given in overlapping parts."""
    stops = stopwords(nltk_data)
    phrases: list[str] = []
    for clause in re.split(r"[^\w\s'-]", text.lower()):
        run: list[str] = []
        for word in [*clause.split(), ""]:
            if word and word not in stops:
                run.append(word)
                continue
            if run:
                phrases += [" ".join(run[i : i + longest]) for i in range(max(1, len(run) - longest + 1))]
            run = []
    return phrases
