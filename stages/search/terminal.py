"""Answers as lines of a terminal."""

import shutil
from collections.abc import Sequence

from stages.search.index import Hit

COLUMNS = ("rank", "score", "pair_id", "source", "text")


def lines(matches: Sequence[Hit]) -> list[str]:
    """A header and a line for each answer, texts cut to the terminal's width; unprintable characters are left out."""
    rows = [
        (str(rank), f"{score:.3f}", sample.pair_ids[text], sample.source, sample.texts[text])
        for rank, (score, sample, text) in enumerate(matches, 1)
    ]
    table = [COLUMNS, *(tuple("".join(filter(str.isprintable, cell)) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS) - 1)]
    width = shutil.get_terminal_size((120, 24)).columns
    found = []
    for row in table:
        start = "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=False))
        found.append(f"{start}  {row[-1]}"[:width].rstrip())
    return found
