"""The term index that the stage lexicon makes: entity linking of terms in running text, and its vocabulary."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.data.files import digest
from stages.common.errors import StageError
from stages.common.tables.lexicon import TERMS, WORDS

SPACES = str.maketrans(dict.fromkeys('-_/()"', " "))
SHOUTED = 3  # spaces, at least, of a text whose capitals tell nothing when it has no other letters
SHORT = 3  # letters, at most, of terms that are looked for behind a space: they are in the middle of every other word
Meaning = tuple[str, str, tuple[str, ...]]  # concept, semantic type, words that speak for it


class EntityMention(NamedTuple):
    """A term found in a text: its characters, its concept and semantic type."""

    start: int
    end: int
    term: str
    id: str
    semantic_type: str


class Lexicon:
    """The index in a folder: terms.parquet and words.parquet, as stages.common.tables.lexicon describes them."""

    def __init__(self, folder: Path) -> None:
        import ahocorasick

        if not (folder / TERMS.path.name).exists():
            raise StageError(f"{folder / TERMS.path.name} not found: run `dvc repro lexicon`")
        self.terms = TERMS.read(folder / TERMS.path.name)
        self.words = WORDS.read(folder / WORDS.path.name)
        self._index: Any = ahocorasick.Automaton()
        columns = (self.terms[name] for name in ("term", "id", "semantic_type", "abbreviation", "context"))
        for term, concept, kind, abbreviation, context in zip(*columns, strict=True):
            meaning = (concept, kind, tuple(filter(None, context.split(";"))))
            _, tall, small = self._index.get(_key(term), (0, (), ()))
            tall, small = ((*tall, meaning), small) if abbreviation else (tall, (*small, meaning))
            self._index.add_word(_key(term), (len(term), tall, small))
        self._index.make_automaton()

    def __contains__(self, term: object) -> bool:
        return isinstance(term, str) and _key(normal(term)) in self._index

    def entities(self, text: str) -> list[EntityMention]:
        """Terms in `text` on word boundaries, longest match, left to right.

        Case does not matter, except that some abbreviations must be in capitals; a hyphen or slash equals a space. An
        abbreviation with several meanings has the one whose context is in the text, else its usual one.
        """
        plain = f" {normal(text)} "
        spans = [
            (end - length, -end, tall, small)
            for end, (length, tall, small) in self._index.iter(plain)
            if not plain[end - length].isalnum() and not plain[end + 1].isalnum()
        ]
        shouted = text.isupper() and text.count(" ") >= SHOUTED
        found, last = [], 0
        for start, end, tall, small in sorted(spans):
            if start < last:
                continue
            meanings = small
            if tall and not shouted and self._is_abbreviation(text[start:-end], tall):
                meanings = tall
            if not meanings:
                continue
            if plain[start] == "'" and plain[start - 1].isalnum():
                continue  # the s of "it's" begins no word
            last = -end
            concept, kind = meanings[0][:2] if len(meanings) == 1 else _meant(meanings, plain)
            found.append(EntityMention(start, last, text[start:last], concept, kind))
        return found

    def _is_abbreviation(self, written: str, meanings: tuple[Meaning, ...]) -> bool:
        """Whether a term is written in capitals, but for the s of a plural: ESS is no plural of ES."""
        singular = _key(normal(written[:-1]))
        plural = written.endswith("S") and self._index.get(singular, (0, (), ()))[1] == meanings
        return written.removesuffix("s").isupper() and not plural


def _key(term: str) -> str:
    return f" {term}" if len(term) <= SHORT else term


def _meant(meanings: tuple[Meaning, ...], plain: str) -> tuple[str, str]:
    """Concept and semantic type of the meaning with most words of its context in the text `plain`."""
    return max(meanings, key=lambda meaning: sum(word in plain for word in meaning[2]))[:2]


def normal(text: str) -> str:
    """`text` as terms are matched: in lower case, a space for each hyphen, slash or bracket; of the same length."""
    lower = text.lower()
    return (lower if len(lower) == len(text) else text).translate(SPACES)


def lexicon_digest(folder: Path) -> str:
    """Identity of the lexicon in `folder`, for item keys."""
    if not (folder / TERMS.path.name).exists():
        raise StageError(f"{folder / TERMS.path.name} not found: run `dvc repro lexicon`")
    return digest(*(folder / table.path.name for table in (TERMS, WORDS)))


@functools.cache
def load_lexicon(folder: Path) -> Lexicon:
    """The lexicon in `folder`, loaded once per process."""
    return Lexicon(folder)
