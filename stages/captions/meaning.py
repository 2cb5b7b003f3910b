"""Whether a replacement may keep the meaning: it is no other form of the same word, no opposite, and the same kind of
word."""

import functools
import itertools
import re
from collections.abc import Iterator

from stages.captions.candidates import letters, plain, similarity
from stages.captions.known import PREFIXES, bare, spellings, stems

ALIKE = 0.85  # similarity of what remains without prefixes, at least, for words that differ by their prefixes alone
REST = 4  # letters, at least, that remain without a prefix
FORM = 3  # letters, at least, of a combining form
HEARD = 0.82  # similarity of two combining forms, at least, of which one may have been misheard for the other
# How words end that say what kind of word they are.
ENDINGS = re.findall(
    r"\w+",
    """
    s es ed ing ly ic ics ical al ar ary ous oid ive able ible ity ness tion sion ism ist itis osis oses asis oma omas
    omata emia aemia uria pathy penia philia philic phobic plasia plastic trophy trophic ectomy otomy ostomy scopy
    graphy gram cyte cytes cytic blast blasts blastic clast clasts phage phages gen genic genesis lysis lytic stasis
    ium um us ia ine in ol ase ate ize ized izes izing
    """,
)
WITHOUT = "less"
HOMOPHONES = frozenset((("us", "ous"), ("in", "ine"), ("ine", "in")))  # endings that sound the same


def keeps_meaning(written: str, term: str) -> bool:
    """Whether `term` may be what was said where the words `written` were understood.

    Spaces alone may differ, hyphens and accents may not. A term with more before it is another word. Words that are in
    one of them only are compared as a whole and, where they are as many, one by one.
    """
    said, replacement = plain(letters(written)), plain(letters(term))
    if letters(written) == letters(term):
        return len(written.split()) != len(term.split()) and "-" not in written
    if said != replacement and said.endswith(replacement):
        return False
    window, parts = re.split(r"[\s-]+", written.lower()), term.split()
    heard, meant = [word for word in window if word not in parts], [word for word in parts if word not in window]
    if not heard or not meant:
        return False
    pairs = list(zip(heard, meant, strict=True)) if len(heard) == len(meant) else []
    return all(
        same_kind(ours, theirs) and not same_word(ours, theirs) and not opposite(ours, theirs)
        for ours, theirs in [(" ".join(heard), " ".join(meant)), *pairs]
    )


def same_kind(heard: str, meant: str) -> bool:
    """Whether the last words end alike; what was heard may be any kind of word where its ending tells nothing."""
    ours, theirs = ending(heard), ending(meant)
    return not ours or ours.endswith(theirs or " ") or theirs.endswith(ours) or (ours, theirs) in HOMOPHONES


def same_word(one: str, other: str) -> bool:
    """Whether the texts are the same words, or forms of the same: in spelling, number, tense or part of speech."""
    return not _forms(one).isdisjoint(_forms(other))


def _forms(text: str) -> set[str]:
    words = {letters(form) for form in spellings(bare(text))}
    return words | {stem for word in words for stem in stems(word) if len(stem) >= REST}


def opposite(one: str, other: str) -> bool:
    """Whether the words are antonyms or siblings by their form: most alike without what they begin with.

    So are words with hypo- and hyper-, intra- and inter-, meso- and myo-, with and without a-, non- or de-, or with
    -less.
    """
    if one.endswith(WITHOUT) != other.endswith(WITHOUT) and same_word(one, other):
        return True
    first, second = letters(one), letters(other)
    alike = {False: 0.0, True: 0.0}
    for ours, theirs in itertools.product(_beginnings(first), _beginnings(second)):
        score = similarity(first[len(ours) :], second[len(theirs) :]).score
        same = _same_beginning(ours, theirs)
        alike[same] = max(score, alike[same])
    return alike[False] >= ALIKE and alike[False] > alike[True]


def _beginnings(word: str) -> Iterator[str]:
    """Nothing, and each prefix that the word may begin with, or each combining form (lympho-)."""
    yield ""
    prefixes = [prefix for prefix in PREFIXES if word.startswith(prefix) and len(word) - len(prefix) >= REST]
    yield from prefixes or (word[:end] for end in range(FORM, len(word) - REST + 1) if word[end - 1] == "o")


def _same_beginning(ours: str, theirs: str) -> bool:
    """Whether the words begin alike: prefixes exactly, combining forms by ear."""
    if ours == theirs or not ours or not theirs or (ours in PREFIXES and theirs in PREFIXES):
        return ours == theirs
    return similarity(ours, theirs).score >= HEARD


@functools.lru_cache(1 << 16)
def ending(text: str) -> str:
    """The ending of the last word that says what kind of word it is, or ""."""
    word = plain(letters(text))
    return max((end for end in map(plain, ENDINGS) if word.endswith(end)), key=len, default="")
