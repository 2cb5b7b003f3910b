"""Rows of tweets.csv as people save it; a row that cannot be read costs itself alone."""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path

from stages.common.errors import StageError

Row = dict[str, str]
SEPARATORS = ",;\t"
UTF8, OLDER = "utf-8-sig", "cp1252"  # the second is what spreadsheets write that do not write the first


def read_rows(path: Path) -> tuple[list[str], list[Row | str]]:
    """The columns of the table at `path`, and its rows; for a row with another number of cells, or a quote that never
    ends, what is wrong with it.

    Raises StageError for a file that is missing or empty.
    """
    if not path.exists():
        raise StageError(f"sources.openpath.folder: {path} not found")
    data = path.read_bytes()
    try:
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else UTF8)
    except UnicodeDecodeError:
        text = data.decode(OLDER, "replace")
    lines = list(io.StringIO(text, newline=""))
    if not text.strip():
        raise StageError(f"{path} is empty: it is to have a column tweet_id, at least")
    separator = max(SEPARATORS, key=lines[0].count)
    columns = [name.strip() for name in next(csv.reader(lines[:1], delimiter=separator))]
    return columns, list(_rows(lines, columns, separator))


def _rows(lines: list[str], columns: list[str], separator: str) -> Iterator[Row | str]:
    """A row for each record; after a faulty one the next line begins another, whatever a quote took along."""
    begin = 1
    while begin < len(lines):
        reader = csv.reader(islice(lines, begin, None), delimiter=separator, strict=True)
        before, fault = begin, ""
        try:
            for cells in reader:
                fault = _fault(cells, columns, begin + reader.line_num - before > 1, separator)
                if fault:
                    break
                if cells:
                    yield dict(zip_longest(columns, cells[: len(columns)], fillvalue=""))
                before = begin + reader.line_num
        except csv.Error as error:
            fault = str(error)
        if fault:
            yield f"line {before + 1}: {fault}"
        begin = before + 1 if fault else len(lines)


def _fault(cells: list[str], columns: list[str], several_lines: bool, separator: str) -> str:
    """What is wrong with a record: more cells than columns, or fewer because a quote took lines along."""
    more = len(cells) > len(columns) and any(cells[len(columns) :])
    if more or (len(cells) < len(columns) and several_lines):
        return (
            f"{len(cells)} cells, should be {len(columns)}: texts with {separator!r} or quotes need quotes around them"
        )
    return ""
