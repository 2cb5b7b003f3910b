"""Rows of the table of tweets as people save it; a row that cannot be read costs itself alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.common.data.columns import plain_name, text_of
from stages.common.data.delimited import delimited_rows
from stages.common.data.reading import Damage
from stages.common.data.rows import kind_of, read_rows
from stages.common.errors import StageError

Row = dict[str, str]
NAME = "tweets"
# Columns that are known under these names, whatever the case and spaces of the table's.
KNOWN = ("tweet_id", "user", "text", "image", "lang", "conversation_id", "in_reply_to", "unavailable")


def tweets_file(folder: Path) -> Path:
    """The table tweets.csv in `folder`, or the one of another kind of that name. Raises StageError without one."""
    path = folder / f"{NAME}.csv"
    if path.exists():
        return path
    others = sorted(one for one in folder.glob(f"{NAME}.*") if kind_of(one))
    if len(others) != 1:
        found = f": {', '.join(one.name for one in others)}: leave one of them" if others else " not found"
        raise StageError(f"sources.openpath.folder: {path}{found}")
    return others[0]


def read_tweets(path: Path) -> tuple[list[str], list[Row | Damage]]:
    """The columns of the table of tweets at `path`, and its rows, or what is wrong with one of them.

    Raises StageError for a file that is missing, that is empty or broken from its beginning on, or without tweet_id.
    """
    if not path.exists():
        raise StageError(f"sources.openpath.folder: {path} not found")
    columns: dict[str, None] = {}
    rows: list[Row | Damage] = []
    for row in _rows(path, columns):
        if isinstance(row, dict):
            row = {_column(name): _text(value) for name, value in row.items()}
            columns |= dict.fromkeys(row)
        rows.append(row)
    broken = next((row for row in rows if isinstance(row, Damage) and row.reason == "broken_table"), None)
    if broken and not columns:
        said = "is empty" if broken.detail == "empty" else f"cannot be read ({broken.detail})"
        raise StageError(f"{path} {said}: it is to have a column tweet_id, at least")
    if "tweet_id" not in columns:
        raise StageError(f"{path}: column 'tweet_id' is missing")
    return list(columns), [row if isinstance(row, Damage) else dict.fromkeys(columns, "") | row for row in rows]


def _rows(path: Path, columns: dict[str, None]) -> Iterator[dict[str, Any] | Damage]:
    """Rows of the table; the columns of a header are known even where no row follows it."""

    def is_header(names: list[str]) -> bool:
        plain = list(map(_column, names))
        if "tweet_id" in plain:
            columns.update(dict.fromkeys(plain))
        return "tweet_id" in plain

    if kind_of(path) == "delimited":
        return delimited_rows(path, is_header, may_be_short=True)
    return read_rows(path, is_header)


def _column(name: object) -> str:
    plain = plain_name(name)
    return plain if plain in KNOWN else str(name)


def _text(value: Any) -> str:
    """A cell as text; a fraction stays one, since it is a rounded id."""
    return str(value) if isinstance(value, float) and value == value else text_of(value)
