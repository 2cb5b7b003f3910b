"""The catalog's withdrawn.txt: videos and channels that are not to be used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stages.common.errors import Rejected
from stages.videos.lines import read_lines, readings
from stages.videos.names import forms

FILE = "withdrawn.txt"


@dataclass(frozen=True)
class Withdrawn:
    """Lines of the list, each with the names that it stands for."""

    lines: dict[str, frozenset[str]] = field(default_factory=dict)

    def check(self, names: frozenset[str]) -> None:
        """Raise Rejected("withdrawn"), with the lines that say so, where one of `names` is withdrawn."""
        if found := [line for line, withdrawn in self.lines.items() if withdrawn & names]:
            raise Rejected("withdrawn", _message(found))

    def counts(self, errors: Iterable[str]) -> dict[str, int]:
        """How many videos each line withdraws, by the messages of `check`."""
        errors = list(errors)
        return {line: sum(_message([line]) in error for error in errors) for line in self.lines}


def read_withdrawn(folder: Path, known: Sequence[frozenset[str]] = ()) -> Withdrawn:
    """Read the list in the catalog `folder`; `known` are the names of each video of the catalog.

    Where " #" in a line may begin a comment or belong to a name, what is a name in the catalog counts.
    """
    names = frozenset[str]().union(*known)
    lines = {}
    for _, line in read_lines(folder / FILE):
        meanings = [forms(reading) for reading in readings(line)]
        lines[line] = next((meaning for meaning in meanings if meaning & names), meanings[-1])
    return Withdrawn(lines)


def _message(lines: Sequence[str]) -> str:
    return "; ".join(f"'{line}'" for line in lines)
