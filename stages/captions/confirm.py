"""The check of what a language model proposes: whether words that were heard may become the words that it says were
meant. A replacement must sound like what was heard, be of known words, and not say the opposite or another thing."""

import functools
import re
from itertools import product, takewhile

from stages.captions.candidates import Similarity, letters, plain, similarity
from stages.captions.meaning import opposite
from stages.captions.numbers import digits, spoken
from stages.captions.phrases import nltk_with, stopwords
from stages.common.text.english import common, ranks
from stages.common.text.lexicon import Lexicon

LONGEST = 100  # characters
PLAUSIBLE = 0.65  # similarity, in spelling and sound, that the changed words must have
SURE = 0.75  # the same where the meaning hangs on a number or an abbreviation
EVERYDAY = 2000  # most common words, which are medical only if they are a term themselves
USUAL = 30_000  # most common words, which probably have an article before them and no prefix ("a typical")
KIND_LETTERS = 5  # letters at the end of a term, at least, that say what kind of thing it names (-inoma, -philia)
WRITTEN = re.compile(r"[\w\s'’.,/+&()-]+")
MARKER = re.compile(r"[A-Za-z]{1,4}-?\d{1,3}[A-Za-z]?")  # an immunostain or a gene: CD138, p16, Ki-67
ACRONYM = re.compile(r"[A-Z]{3,6}")
ARTICLES = ("a", "an")
NEGATION = re.compile(r"\b(?:no|not|non|never|nor|neither|none|without|cannot)\b|n['’]t\b", re.IGNORECASE)


class Confirmer:
    """Judges replacements by the terms and words of a lexicon, and by English."""

    def __init__(self, lexicon: Lexicon, nltk_data: str) -> None:
        self.lexicon = lexicon
        self._stops = stopwords(nltk_data)
        self._words = frozenset(lexicon.words.word) - self._stops
        self._stem = functools.lru_cache(1 << 16)(nltk_with(nltk_data).stem.SnowballStemmer("english").stem)

    def score(self, heard: str, meant: str) -> float | None:
        """Similarity of the words that change, in 0..1; None where the replacement must not be made."""
        if not meant or max(len(heard), len(meant)) > LONGEST or not WRITTEN.fullmatch(meant):
            return None
        before, after = _changed(heard.split(), meant.split())
        new = [word for word in after if word.lower() not in self._stops and word.lower() not in heard.lower().split()]
        if not before or not new or not all(map(self.known, new)):
            return None
        if self._is_term(before) or (self._is_term([heard]) and meant in self.lexicon):
            return None  # what was heard is as good
        if len(NEGATION.findall(heard)) != len(NEGATION.findall(meant)) or self._says_otherwise(before, after):
            return None
        near = _alike(before, after)
        if any(near.score < _alike(before, part).score for part in (after[1:], after[:-1]) if part):
            return None  # a word was added that nobody said
        # A word that sounds the same may be an everyday one in a medical phrase, as in interface hepatitis.
        medical = any(map(self.medical, meant.split() if near.sound == 1 else new))
        return near.score if medical and near.score >= self._needed(before, after) else None

    def known(self, word: str) -> bool:
        """Whether a word, or every part of one with hyphens, is medical or English."""
        parts = re.split(r"[-/]", _bare(word).lower())
        english = (part.isdigit() or part in self._words or common(part, len(ranks())) for part in parts)
        return self.medical(word) or all(english)

    def medical(self, word: str) -> bool:
        """Whether a word is a term, a marker, or one of terms and not an everyday one."""
        bare = _bare(word)
        if bare in self.lexicon or MARKER.fullmatch(bare) or ACRONYM.fullmatch(bare):
            return True
        parts = [part for part in re.split(r"[-/]", bare.lower()) if part not in self._stops]
        return any(part in self._words and not common(part, EVERYDAY) for part in parts)

    def _is_term(self, words: list[str]) -> bool:
        """Whether `words` are a term, or each is one."""
        return " ".join(map(_bare, words)) in self.lexicon or all(_bare(word) in self.lexicon for word in words)

    def _needed(self, before: list[str], after: list[str]) -> float:
        """The similarity that the change needs."""
        numbers = digits(" ".join(before)) != digits(" ".join(after))
        coined = any(ACRONYM.fullmatch(_bare(word)) and _bare(word) not in self.lexicon for word in after)
        return SURE if numbers or coined else PLAUSIBLE

    def _says_otherwise(self, before: list[str], after: list[str]) -> bool:
        """Whether the change makes another number, an opposite, another form of a right word, or another thing of the
        same kind."""
        number = digits(" ".join(after))
        if number and number != digits(" ".join(before)):
            return True
        old, new = ([_bare(word).lower() for word in side] for side in (before, after))
        if plain(letters("".join(old))) == plain(letters("".join(new))):  # other spaces, hyphens and spelling alone
            return len(old) > 1 and old[0] in ARTICLES and common(old[1], USUAL)
        possessive = len(old) == 1 and old[0][-2:] in ("'s", "’s") and self.known(old[0][:-2])
        if possessive or all(any(self._same_word(one, other) for one in old) for other in new):
            return True
        each = [("".join(old), "".join(new)), *(zip(old, new, strict=True) if len(old) == len(new) else ())]
        return any(opposite(*pair) for pair in each) or any(self._of_a_kind(*pair) for pair in product(old, new))

    def _same_word(self, old: str, new: str) -> bool:
        """Whether the words differ in form alone, the old one being a right one."""
        return self.known(old) and self._stem(old) == self._stem(new)

    def _of_a_kind(self, old: str, new: str) -> bool:
        """Whether the words end alike and begin differently, as seminoma and carcinoma, unless the old one is plain
        English, which was probably not said."""
        if self.known(old) and not self.medical(old):
            return False
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old[::-1], new[::-1], strict=False)))
        if alike < KIND_LETTERS or alike == len(old):
            return False
        return similarity(old[: len(old) - alike], new[: len(new) - alike]).score < PLAUSIBLE


def _alike(before: list[str], after: list[str]) -> Similarity:
    return similarity(spoken(" ".join(before)), spoken(" ".join(after)))


def _changed(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    """The words of each side without those that both begin or end with."""
    while before and after and before[0].lower() == after[0].lower():
        before, after = before[1:], after[1:]
    while before and after and before[-1].lower() == after[-1].lower():
        before, after = before[:-1], after[:-1]
    return before, after


def _bare(word: str) -> str:
    return word.strip(".,()'’")
