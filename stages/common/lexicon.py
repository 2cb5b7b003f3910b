"""The term index that the stage lexicon makes: look-up of terms in running text, and its vocabulary."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.errors import StageError
from stages.common.files import digest

TERMS, WORDS = "terms.parquet", "words.parquet"
SPACES = str.maketrans("-_", "  ")


@dataclass(frozen=True)
class Entity:
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

        if not (folder / TERMS).exists():
            raise StageError(f"{folder / TERMS} not found: run `dvc repro lexicon`")
        self.terms = pd.read_parquet(folder / TERMS)
        self.words = pd.read_parquet(folder / WORDS)
        self._index: Any = ahocorasick.Automaton()
        columns = (self.terms[name] for name in ("term", "id", "semantic_type", "abbreviation"))
        for term, concept, kind, abbreviation in zip(*columns, strict=True):
            self._index.add_word(term, (len(term), concept, kind, abbreviation))
        self._index.make_automaton()

    def __contains__(self, term: str) -> bool:
        return normal(term) in self._index

    def entities(self, text: str) -> list[Entity]:
        """Terms in `text` on word boundaries, longest match, left to right.

        Case does not count, but for abbreviations, which must be in capitals; a hyphen is as good as a space.
        """
        plain = normal(text)
        found: list[Entity] = []
        for start, end, concept, kind, abbreviation in self._spans(plain):
            if (not found or start >= found[-1].end) and (not abbreviation or text[start:end].isupper()):
                found.append(Entity(start, end, text[start:end], concept, kind))
        return found

    def _spans(self, plain: str) -> list[tuple[int, int, str, str, bool]]:
        """(start, end, concept, type, abbreviation) of every term on word boundaries, by start, the longest first."""
        spans = [(end + 1 - length, end + 1, *what) for end, (length, *what) in self._index.iter(plain)]
        whole = [span for span in spans if _edge(plain, span[0] - 1) and _edge(plain, span[1])]
        return sorted(whole, key=lambda span: (span[0], -span[1]))


def normal(text: str) -> str:
    """`text` as terms are matched: in lower case, a space for each hyphen or underscore; no longer, no shorter."""
    lower = text.lower()
    return (lower if len(lower) == len(text) else text).translate(SPACES)


def lexicon_digest(folder: Path) -> str:
    """Identity of the lexicon in `folder`, for item keys."""
    if not (folder / TERMS).exists():
        raise StageError(f"{folder / TERMS} not found: run `dvc repro lexicon`")
    return digest(folder / TERMS, folder / WORDS)


@functools.cache
def load_lexicon(folder: Path) -> Lexicon:
    """The lexicon in `folder`, loaded once per process."""
    return Lexicon(folder)


def _edge(text: str, position: int) -> bool:
    """True where `position` is outside a word."""
    return position < 0 or position >= len(text) or not text[position].isalnum()
