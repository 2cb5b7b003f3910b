"""The term index that the stage lexicon makes: look-up of terms in running text, and its vocabulary."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.errors import StageError
from stages.common.files import digest

TERMS, WORDS = "terms.parquet", "words.parquet"


@dataclass(frozen=True)
class Entity:
    """A term found in a text: its characters, its concept and semantic type."""

    start: int
    end: int
    term: str
    id: str
    semantic_type: str


class Lexicon:
    """terms.parquet (term, id, semantic_type, source) and words.parquet (word, terms) of a folder."""

    def __init__(self, folder: Path) -> None:
        import ahocorasick

        if not (folder / TERMS).exists():
            raise StageError(f"{folder / TERMS} not found: run `dvc repro lexicon`")
        self.terms = pd.read_parquet(folder / TERMS)
        self.words = pd.read_parquet(folder / WORDS)
        self._index: Any = ahocorasick.Automaton()
        for row in self.terms.itertuples():
            self._index.add_word(row.term, (row.term, row.id, row.semantic_type))
        self._index.make_automaton()

    def __contains__(self, term: str) -> bool:
        return term in self._index

    def entities(self, text: str) -> list[Entity]:
        """Terms in `text` on word boundaries, longest match, left to right; case does not count."""
        lower = text.lower()
        spans = [
            (end - len(term) + 1, end + 1, concept, kind) for end, (term, concept, kind) in self._index.iter(lower)
        ]
        whole = [span for span in spans if _edge(lower, span[0] - 1) and _edge(lower, span[1])]
        found: list[Entity] = []
        for start, end, concept, kind in sorted(whole, key=lambda span: (span[0], -span[1])):
            if not found or start >= found[-1].end:
                found.append(Entity(start, end, text[start:end], concept, kind))
        return found


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
