"""Repair misheard medical terms with a lexicon, in the paper's four steps (section 5b)."""

import functools
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from stages.captions.params import Params
from stages.common.english import common
from stages.common.lexicon import Lexicon
from stages.common.weights import locate

WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
SHORTEST = 5  # letters: shorter words sound like too many others
USUAL = 5  # terms a word occurs in before it is offered as a replacement: keeps acronyms and rarities out


@dataclass(frozen=True)
class Correction:
    """`from_` was heard, `to` is meant; `score` is the likeness in 0..1."""

    from_: str
    to: str
    by: str
    score: float

    def record(self) -> dict[str, Any]:
        """As stored in captions: {from, to, by, score}."""
        values = asdict(self)
        return {"from": values.pop("from_"), **values}


class Corrector:
    """Finds phrases that are no English and no term, and the term that sounds and looks most like them."""

    def __init__(self, lexicon: Lexicon, block: Params) -> None:
        import jellyfish

        self.lexicon = lexicon
        self.block = block
        words = lexicon.words
        glossary = lexicon.terms[(lexicon.terms.source == "glossary") & (lexicon.terms.term.str.len() >= SHORTEST)]
        self._known = frozenset(words.word)
        usual = words.word[(words.word.str.len() >= SHORTEST) & (words.terms >= USUAL)]
        self._candidates = list(dict.fromkeys([*glossary.term, *usual]))
        self._plain = [term.replace(" ", "").replace("-", "") for term in self._candidates]
        self._sounds = [jellyfish.metaphone(term) for term in self._plain]
        self._glossary = frozenset(glossary.term)

    def correct(self, text: str) -> tuple[str, list[Correction]]:
        """Return `text` with replacements made, and the replacements in order."""
        words = list(WORD.finditer(text))
        taken: set[int] = set()
        chosen: dict[int, tuple[int, Correction]] = {}
        for begin, count, correction in sorted(self._windows(text, words), key=lambda w: (-w[2].score, w[1], w[0])):
            if taken.isdisjoint(range(begin, begin + count)):
                taken.update(range(begin, begin + count))
                chosen[begin] = (count, correction)
        out, position = "", 0
        for begin in sorted(chosen):
            count, correction = chosen[begin]
            out += text[position : words[begin].start()] + correction.to
            position = words[begin + count - 1].end()
        return out + text[position:], [chosen[begin][1] for begin in sorted(chosen)]

    def _suspects(self, text: str) -> set[str]:
        """Words of RAKE phrases that are neither in the lexicon nor everyday English."""
        return {
            word
            for phrase in keyphrases(text, self.block.nltk_data, self.block.rake_words)
            if phrase not in self.lexicon
            for word in phrase.split()
            if len(word) >= SHORTEST and word not in self._known and not common(word, self.block.common_words)
        }

    def _windows(self, text: str, words: list[re.Match[str]]) -> Iterator[tuple[int, int, Correction]]:
        """Yield (first word, number of words, replacement) for every run of 1 to 3 words that holds a suspect, is not
        edged by a stop word, and is like enough to a term."""
        suspects = self._suspects(text)
        stops = _stopwords(self.block.nltk_data)
        for begin in range(len(words)):
            for count in range(1, min(3, len(words) - begin) + 1):
                window = [match.group().lower() for match in words[begin : begin + count]]
                if suspects.isdisjoint(window) or window[0] in stops or window[-1] in stops:
                    continue
                found = self._closest("".join(window))
                if found is not None:
                    heard = text[words[begin].start() : words[begin + count - 1].end()]
                    yield begin, count, Correction(heard, found[0], "lexicon", round(found[1], 3))

    def _closest(self, heard: str) -> tuple[str, float] | None:
        """The candidate most like `heard`: half spelling, half sound; the glossary wins near ties."""
        import jellyfish
        import numpy as np
        from rapidfuzz import fuzz, process

        spelling = process.cdist([heard], self._plain, scorer=fuzz.ratio)[0]
        sound = process.cdist([jellyfish.metaphone(heard)], self._sounds, scorer=fuzz.ratio)[0]
        scores = (spelling + sound) / 200
        order = np.argsort(-scores, kind="stable")[:5]
        ranked = sorted((-(scores[i] + (0.04 if self._candidates[i] in self._glossary else 0)), int(i)) for i in order)
        best = ranked[0][1]
        if scores[best] < self.block.min_similarity or self._plain[best] == heard:
            return None
        return self._candidates[best], float(scores[best])


@functools.cache
def _stopwords(nltk_data: str) -> frozenset[str]:
    import nltk

    place = str(locate(nltk_data))
    if place not in nltk.data.path:
        nltk.data.path.insert(0, place)
    return frozenset(nltk.corpus.stopwords.words("english"))


def keyphrases(text: str, nltk_data: str, longest: int) -> list[str]:
    """Candidate phrases as RAKE forms them (Rose et al. 2010): runs of words between stop words and punctuation, in
    lower case, at most `longest` words each; longer runs are given in overlapping parts."""
    stops = _stopwords(nltk_data)
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
