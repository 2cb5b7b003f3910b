"""Candidates for misheard words: terms of the lexicon that are similar in spelling and sound.

Similarity is a normalised edit distance, of insertions and deletions (rapidfuzz's ratio).
"""

import functools
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.captions.known import eponyms
from stages.common.text.english import most_common
from stages.common.text.lexicon import Lexicon

SHORTEST = 5  # letters: shorter words sound like too many others
OFFERED = 2  # concepts, at least, of a word that is offered as a replacement: keeps acronyms and rare words out
EVERYDAY = 20000  # most common English words that may have been meant where no term is as similar
GLOSSARY = "glossary"
FAVOUR = 0.08  # more similarity needed by terms outside the glossary, which is about what microscopes show
CLOSE = 0.1  # similarity by which a candidate with almost the best score must not be written more like what was heard
TIE = 0.04  # similarity by which terms outside the glossary must beat those in it
APART = 0.4  # share of the misheard words' length by which a term may be longer or shorter
SPELLINGS = (  # how terms from Greek and Latin are written, and what a recogniser may write for the same sounds
    (r"^p(?=[nst])", ""),
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
    """What may have been said: the terms of the glossary, the words of the other vocabularies, and everyday words.

    Only some are offered as replacements. The others show that something else is as likely.
    """

    def __init__(self, lexicon: Lexicon, min_similarity: float) -> None:
        own = lexicon.terms.term[lexicon.terms.source == GLOSSARY]
        own = own[own.str.len() >= SHORTEST]
        words = lexicon.words[lexicon.words.word.str.len() >= SHORTEST]
        everyday = {word for word in most_common(EVERYDAY) if len(word) >= SHORTEST and word not in lexicon}
        names = {name for name in eponyms() if name not in lexicon}  # whoever is named may be anybody
        usual = set(words.word[words.concepts >= OFFERED]) - everyday - names
        self.glossary = frozenset(own)
        self._terms = sorted({*own, *words.word, *everyday}, key=lambda term: (len(plain(letters(term))), term))
        self._plain = [plain(letters(term)) for term in self._terms]
        self._sounds = [sound(letters(term)) for term in self._terms]
        self._lengths = np.array([len(spelling) for spelling in self._plain])
        self._offered = np.array([term in self.glossary or term in usual for term in self._terms])
        self._favoured = np.array([term in self.glossary for term in self._terms])
        self._min_similarity = min_similarity
        self._cutoff = max(0.0, 2 * (min_similarity - TIE) - 1)
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
        """The candidate most similar to the joined letters `heard`, if it is similar enough and offered."""
        length = len(plain(heard))
        first, last = np.searchsorted(self._lengths, [length * (1 - APART), length * (1 + APART) + 1])
        if first == last:
            return None
        # A candidate whose spelling alone is further off than this cannot be similar enough, however it sounds.
        spelling = ratios(plain(heard), self._plain[first:last], self._cutoff)
        near = np.flatnonzero(spelling) + first
        if not near.size:
            return None
        spelling = spelling[near - first]
        sounds = ratios(sound(heard), [self._sounds[n] for n in near])
        written = ratios(heard, [letters(self._terms[n]) for n in near])
        scores = (spelling + sounds) / 2
        favoured = self._favoured[near]
        ties = np.flatnonzero(scores >= scores.max() - TIE)
        best = max(ties, key=lambda n: (favoured[n], scores[n], written[n]))
        needed = self._min_similarity + (0 if favoured[best] else FAVOUR)
        rivals = (scores >= scores[best] - CLOSE) & (written >= written[best] + CLOSE)
        if scores[best] < needed or not self._offered[near[best]] or rivals.any():
            return None
        return Similarity(self._terms[near[best]], float(spelling[best]), float(sounds[best]))


def ratios(heard: str, words: list[str], cutoff: float = 0.0) -> NDArray[np.float64]:
    """How similar `heard` is to each of `words`: 0..1, and 0 below `cutoff`."""
    from rapidfuzz import fuzz, process

    found: NDArray[np.float64] = process.cdist(
        [heard], words, scorer=fuzz.ratio, score_cutoff=100 * cutoff, dtype=np.float64
    )
    return found[0] / 100


def similarity(heard: str, term: str) -> Similarity:
    """How similar the words `heard` are to `term`."""
    from rapidfuzz import fuzz

    a, b = letters(heard), letters(term)
    return Similarity(term, fuzz.ratio(plain(a), plain(b)) / 100, fuzz.ratio(sound(a), sound(b)) / 100)


def letters(text: str) -> str:
    """The letters of `text` in lower case, without accents, spaces and punctuation."""
    return re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", text.lower()))


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
