"""Candidates for misheard words: terms of the lexicon that are similar in spelling and sound.

Similarity is a normalised edit distance, of insertions and deletions (rapidfuzz's ratio).
"""

import functools
import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.common.text.lexicon import Lexicon

SHORTEST = 5  # letters: shorter words sound like too many others
USUAL = 5  # concepts, at least, of a word that is offered as a replacement: keeps acronyms and rare words out
GLOSSARY = "glossary"
FAVOUR = 0.08  # more similarity needed by terms outside the glossary, which is about what microscopes show
APART = 0.4  # share of the misheard words' length by which a term may be longer or shorter
CUTOFF = 50  # of 100: a lower similarity, of spelling or of sound, counts as 0
SPELLINGS = (  # how terms from Greek and Latin are written, and what a recogniser may write for the same sounds
    (r"ph", "f"),
    (r"ch", "k"),
    (r"rh", "r"),
    (r"ae", "e"),
    (r"tio(?!n)", "teo"),
    (r"c(?=[eiy])", "s"),
    (r"[cq]", "k"),
    (r"x", "ks"),
    (r"y", "i"),
    (r"(.)\1+", r"\1"),
)


@dataclass(frozen=True)
class Similarity:
    """A term and its similarity to the words of the transcript: in spelling and in sound, each 0..1."""

    term: str
    spelling: float
    sound: float

    @property
    def score(self) -> float:
        """Half spelling, half sound."""
        return (self.spelling + self.sound) / 2


class Candidates:
    """The terms of the glossary and every common word of the other vocabularies."""

    def __init__(self, lexicon: Lexicon, min_similarity: float) -> None:
        from rapidfuzz import fuzz, process

        self._cdist = functools.partial(process.cdist, scorer=fuzz.ratio, score_cutoff=CUTOFF)
        own = lexicon.terms.term[lexicon.terms.source == GLOSSARY]
        own = own[own.str.len() >= SHORTEST]
        words = lexicon.words
        usual = words.word[(words.word.str.len() >= SHORTEST) & (words.concepts >= USUAL)]
        terms = sorted(dict.fromkeys([*own, *usual]), key=lambda term: (len(plain(letters(term))), term))
        self.glossary = frozenset(own)
        self._terms = terms
        self._plain = [plain(letters(term)) for term in terms]
        self._sounds = [sound(letters(term)) for term in terms]
        self._lengths = np.array([len(spelling) for spelling in self._plain])
        self._favour = np.array([0.0 if term in self.glossary else FAVOUR for term in terms])
        self._min_similarity = min_similarity
        self.spelt = {letters(term): term for term in own}
        self.sounding: dict[str, list[str]] = defaultdict(list)
        self.with_word: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for term in own:
            self.sounding[sound(letters(term))].append(term)
            parts = tuple(term.split())
            for part in dict.fromkeys(parts) if len(parts) > 1 else ():
                self.with_word[part].append(parts)
        self.closest = functools.lru_cache(1 << 16)(self._closest)

    def _closest(self, heard: str) -> Similarity | None:
        """The candidate most similar to the joined letters `heard`, if similar enough; the glossary is preferred."""
        length = len(plain(heard))
        first, last = np.searchsorted(self._lengths, [length * (1 - APART), length * (1 + APART) + 1])
        if first == last:
            return None
        spelling = self._cdist([plain(heard)], self._plain[first:last])[0]
        sounds = self._cdist([sound(heard)], self._sounds[first:last])[0]
        scores: NDArray[np.float64] = (spelling + sounds) / 200 - self._favour[first:last]
        best = int(scores.argmax())
        if scores[best] < self._min_similarity:
            return None
        return Similarity(self._terms[first + best], float(spelling[best]) / 100, float(sounds[best]) / 100)


def similarity(heard: str, term: str) -> Similarity:
    """How similar the words `heard` are to `term`."""
    from rapidfuzz import fuzz

    a, b = letters(heard), letters(term)
    return Similarity(term, fuzz.ratio(plain(a), plain(b)) / 100, fuzz.ratio(sound(a), sound(b)) / 100)


def letters(text: str) -> str:
    """The letters of `text` in lower case, without spaces and punctuation."""
    return re.sub(r"[^a-z]", "", text.lower())


@functools.lru_cache(1 << 16)
def plain(word: str) -> str:
    """`word`, in lower case, in a spelling that is the same for the same sounds."""
    for pattern, written in SPELLINGS:
        word = re.sub(pattern, written, word)
    return word


@functools.lru_cache(1 << 16)
def sound(word: str) -> str:
    """The consonants of `word` as they sound: metaphone of its plain spelling, with one vowel for all at the front."""
    import jellyfish

    return re.sub(r"^[AEIOU]", "A", jellyfish.metaphone(plain(word)))
