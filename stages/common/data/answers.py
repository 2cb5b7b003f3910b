"""CSV tables that a stage writes and a person fills in: a new run keeps what the person wrote."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from stages.common.data.files import write_bytes
from stages.common.errors import StageError

Row = dict[str, str]


def write_to_fill_in(path: Path, table: pd.DataFrame, key: str) -> list[Row]:
    """Write `table` to the CSV file `path`, with what a person has written there since the last time; return its rows.

    A copy of what was written (NAME.drawn.csv, beside it) shows what the person changed: cells, columns and rows.
    Their cells stay in rows that are written again; rows that they changed stay when `table` no longer has them.
    Raises StageError for a file that cannot be read.
    """
    copy = path.with_suffix(".drawn.csv")
    before = {row[key]: row for row in read_filled_in(copy, key)}
    drawn = table.to_csv(index=False)
    rows = {row[key]: row for row in _rows(drawn)}
    added, keys = [], set()
    for row in read_filled_in(path, key):
        edits = {name: text for name, text in row.items() if text != before.get(row[key], {}).get(name, "")}
        if row[key] in keys or (edits and row[key] not in rows):
            added.append(row)
        elif edits:
            rows[row[key]] |= edits
        keys.add(row[key])
    written = [*rows.values(), *added]
    columns = list(dict.fromkeys([*table.columns, *(name for row in written for name in row)]))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(written)
    write_bytes(path, buffer.getvalue().encode())
    write_bytes(copy, drawn.encode())
    return written


def read_filled_in(path: Path, key: str) -> Sequence[Row]:
    """Rows of a CSV file as spreadsheets save it, also with semicolons or tabs; none where there is no file.

    Raises StageError where it is not UTF-8 or no CSV, or lacks the column `key`.
    """
    if not path.exists():
        return []
    try:
        rows = _rows(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise StageError(f"{path} is not UTF-8: save it as CSV in UTF-8, so that what you wrote can stay") from None
    except csv.Error as error:
        raise StageError(f"{path} is no CSV ({error}): correct it, so that what you wrote can stay") from None
    if rows and key not in rows[0]:
        raise StageError(f"{path}: column '{key}' is missing: put it back, or move the file away to get a new one")
    return rows


def _rows(text: str) -> list[Row]:
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=separator, restval="", restkey="more")
    return [
        {name: cell if isinstance(cell, str) else separator.join(cell) for name, cell in row.items()} for row in reader
    ]
