"""Rows of JSON files, whoever wrote them: one object a line, a list, an object of objects, or COCO's captions."""

import json
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from stages.common.data.delimited import IMAGE_LIKE, UNNAMED, IsHeader, Row, open_text, text_lines, unnamed
from stages.common.data.reading import Damage

BLOCK = 1 << 20  # letters
LONGEST = 1 << 30  # letters of one value
ABOUT = ("info", "meta", "metadata", "version", "config", "schema")  # names of objects that are no rows
KEY = "key"  # column for the name of an object among others
BETWEEN = re.compile(r"[\s,:]*")
DECODER = json.JSONDecoder()


def line_rows(path: Path, is_header: IsHeader) -> Iterator[Row | Damage]:
    """Yield the object of each line, or a Damage for a line that is none; a list, and an object over several lines, are
    read as json_rows does."""
    start = next((line.strip() for line in text_lines(path) if line.strip()), "")
    if start.startswith("[") or start == "{":
        yield from json_rows(path, is_header)
        return
    for number, line in enumerate(text_lines(path), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line.strip("\ufeff"))
        except (ValueError, RecursionError):
            value = None
        yield value if isinstance(value, dict) else Damage("broken_row", f"line {number}: not a JSON object")


def json_rows(path: Path, is_header: IsHeader) -> Iterator[Row | Damage]:
    """Yield the objects of a JSON file, in a stream; Damage where one is broken and what follows cannot be told.

    Of an object of objects, their names are the column KEY. An object of texts, or lists of them, by the names of
    images has the columns UNNAMED. What `_named_rows` says is read as well.
    """
    start, second = islice((line.strip() for line in chain(filter(str.strip, text_lines(path)), ("", ""))), 2)
    if start[:1] not in ("[", "{"):
        yield Damage("broken_table", "not JSON" if start else "empty")
        return
    if second and start[0] == "{" and _is_row(start):
        yield from line_rows(path, is_header)
        return
    named: dict[str, Any] = {}  # what cannot be told before all of it is read
    columns: list[str] = []  # of a list of lists
    number = 0
    for number, (name, value) in enumerate(_values(path), 1):
        if isinstance(value, Damage):
            yield value
        elif isinstance(value, dict) and name not in ABOUT and (not name or is_header([KEY, *value])):
            yield {KEY: name, **value} if name else value
        elif IMAGE_LIKE.search(name):
            yield dict(zip(UNNAMED, (name, value), strict=True))
        elif name:
            named[name] = value
        elif isinstance(value, list) and not columns and is_header(cells := list(map(str, value))):
            columns = cells
        elif isinstance(value, list) and (names := columns or unnamed(list(map(str, value)), "")):
            yield from _zipped(names, [value])
        else:
            yield Damage("broken_row", f"item {number}: not a JSON object")
    found = 0
    for row in _named_rows(named, is_header):
        found += 1
        yield row
    if named and not found and number == len(named):
        yield Damage("no_columns", f"no objects; values of: {', '.join([*named][:20])}")


def _named_rows(named: dict[str, Any], is_header: IsHeader) -> Iterator[Row | Damage]:
    """Rows of an object of lists or objects that are no rows each.

    It may be what pandas writes: columns of values by their index, columns of lists, or lists of cells beside their
    columns. Of lists of objects, those of COCO are joined: what an annotation says of an image, with what is said of
    that image; others count where their objects are like those of the longest.
    """
    if is_header([*named]) or _numbered(named):
        yield from _columns(named) if any(isinstance(one, dict | list) for one in named.values()) else [named]
        return
    if isinstance(columns := named.get("columns"), list) and isinstance(data := named.get("data"), list):
        yield from _zipped(list(map(str, columns)), data)
        return
    lists = {name: rows for name, rows in named.items() if _has_objects(rows)}
    if {"images", "annotations"} <= set(lists):
        yield from _joined(lists["images"], lists["annotations"])
        return
    for rows in lists.values():
        if _alike(rows[0], max(lists.values(), key=len)[0]):  # train, val and test
            yield from rows
    if lists:
        return
    for name, below in named.items():
        if isinstance(below, dict) and name not in ABOUT:
            yield from _below(name, below, is_header)


def _numbered(named: dict[str, Any]) -> bool:
    """Whether these are columns of values by the number of their row, whatever their names are."""
    first = next(iter(named.values()), None)
    if not isinstance(first, dict) or [*first] != [str(number) for number in range(len(first))]:
        return False
    return all(isinstance(one, dict) and one.keys() == first.keys() for one in named.values())


def _below(name: str, value: dict[str, Any], is_header: IsHeader) -> Iterator[Row | Damage]:
    """Rows of an object in an object: those in it, or itself."""
    rows: list[Row | Damage] = [
        {KEY: key, **one} if isinstance(one, dict) else dict(zip(UNNAMED, (key, one), strict=True))
        for key, one in value.items()
        if (isinstance(one, dict) and is_header([KEY, *one])) or IMAGE_LIKE.search(key)
    ]
    yield from rows or [*_named_rows(value, is_header)] or [{KEY: name, **value}]


def _columns(named: dict[str, Any]) -> Iterator[Row | Damage]:
    """Rows of columns: values by their index, or lists."""
    columns = {
        name: dict(enumerate(column)) if isinstance(column, list) else column
        for name, column in named.items()
        if isinstance(column, list | dict)
    }
    for index in dict.fromkeys(key for column in columns.values() for key in column):
        yield {name: column.get(index) for name, column in columns.items()}


def _zipped(columns: list[str], rows: list[Any]) -> Iterator[Row | Damage]:
    """Rows of lists of cells."""
    for number, cells in enumerate(rows, 1):
        if isinstance(cells, list) and len(cells) == len(columns):
            yield dict(zip(columns, cells, strict=True))
        else:
            yield Damage("broken_row", f"item {number}: not a list of {len(columns)} cells")


def _has_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _alike(one: Row, other: Row) -> bool:
    return 2 * len(set(one) & set(other)) >= len(set(other))


def _is_row(line: str) -> bool:
    """Whether a line is an object with values of its own."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return False
    nested = all(isinstance(one, dict | list) for one in values.values())
    return not (nested or any(map(IMAGE_LIKE.search, values)))


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    """(name, value) of the parts of a list or object; names of a list's parts are ""."""
    with open_text(path) as text:
        buffer = text.read(BLOCK).lstrip()
        named, place, name, count = buffer[:1] == "{", 1, "", 0
        while True:
            place = _after(BETWEEN, buffer, place)
            if buffer[place : place + 1] in ("]", "}"):
                if (buffer[place + 1 :] + text.read(BLOCK)).strip(" \t\r\n\0"):
                    yield "", Damage("broken_table", f"after {count} objects: more than JSON")
                return
            try:
                value, place = DECODER.raw_decode(buffer, place)
            except RecursionError:
                yield "", Damage("broken_table", f"after {count} objects: too deep")
                return
            except ValueError:
                # Twice as much at each turn, so that a long value is not looked at again and again.
                more = text.read(max(BLOCK, len(buffer) - place)) if len(buffer) < LONGEST else ""
                if not more:
                    yield "", Damage("broken_table", f"after {count} objects: not JSON")
                    return
                buffer, place = buffer[place:] + more, 0
                continue
            if named and not name:
                name = str(value)
                continue
            yield name, value
            name, count = "", count + 1


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place


def _joined(images: list[Row], annotations: list[Row]) -> Iterator[Row]:
    by_id = {str(image.get("id")): image for image in images}
    for annotation in annotations:
        yield {**by_id.get(str(annotation.get("image_id")), {}), **annotation}
