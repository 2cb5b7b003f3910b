"""The term index that the stage lexicon makes: entity linking of terms in running text, and its vocabulary."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.data.files import digest
from stages.common.errors import StageError
from stages.common.tables.lexicon import TERMS, WORDS

SPACES = str.maketrans("-_", "  ")


class EntityMention(NamedTuple):
    """A term found in a text: its characters, its concept and semantic type."""

    start: int
    end: int
    term: str
    id: str
    semantic_type: str


class Lexicon:
    """The index in a folder: terms.parquet (term, id, semantic_type, source, abbreviation) and words.parquet (word,
    concepts)."""

    def __init__(self, folder: Path) -> None:
        import ahocorasick

        if not (folder / TERMS.path.name).exists():
            raise StageError(f"{folder / TERMS.path.name} not found: run `dvc repro lexicon`")
        self.terms = TERMS.read(folder / TERMS.path.name)
        self.words = WORDS.read(folder / WORDS.path.name)
        self._index: Any = ahocorasick.Automaton()
        columns = (self.terms[name] for name in ("term", "id", "semantic_type", "abbreviation"))
        for term, concept, kind, abbreviation in zip(*columns, strict=True):
            self._index.add_word(term, (len(term), concept, kind, abbreviation))
        self._index.make_automaton()

    def __contains__(self, term: object) -> bool:
        return isinstance(term, str) and normal(term) in self._index

    def entities(self, text: str) -> list[EntityMention]:
        """Terms in `text` on word boundaries, longest match, left to right.

        Case does not matter, except that abbreviations must be in capitals; a hyphen equals a space.
        """
        plain = f" {normal(text)} "
        spans = [
            (end - length, -end, concept, kind, abbreviation)
            for end, (length, concept, kind, abbreviation) in self._index.iter(plain)
            if not plain[end - length].isalnum() and not plain[end + 1].isalnum()
        ]
        found, last = [], 0
        for start, end, concept, kind, abbreviation in sorted(spans):
            if start >= last and (not abbreviation or text[start:-end].isupper()):
                last = -end
                found.append(EntityMention(start, last, text[start:last], concept, kind))
        return found


def normal(text: str) -> str:
    """`text` as terms are matched: in lower case, a space for each hyphen or underscore; of the same length."""
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
