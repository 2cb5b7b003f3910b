"""Rows of JSON files, whoever wrote them: one object a line, a list, an object of objects, or COCO's captions."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.common.data.delimited import IMAGE_LIKE, UNNAMED, Row, open_bytes, text_lines
from stages.common.data.reading import Damage

BLOCK = 1 << 20  # letters
LONGEST = 1 << 30  # letters of one value
ABOUT = ("info", "meta", "metadata", "version", "config")  # names of objects that are no rows
KEY = "key"  # column for the name of an object among others
BETWEEN = re.compile(r"[\s,:]*")
DECODER = json.JSONDecoder()


def line_rows(path: Path) -> Iterator[Row | Damage]:
    """Yield the object of each line, or a Damage for a line that is none."""
    for number, line in enumerate(text_lines(path), 1):
        if not line.strip("\ufeff \r\n\t"):
            continue
        try:
            value = json.loads(line.strip("\ufeff"))
        except (ValueError, RecursionError):
            value = None
        yield value if isinstance(value, dict) else Damage("broken_row", f"line {number}: not a JSON object")


def json_rows(path: Path) -> Iterator[Row | Damage]:
    """Yield the objects of a JSON file, in a stream; Damage where one is broken and what follows cannot be told.

    Of an object of objects, their names are the column KEY. An object of texts, or lists of them, by the names of
    images has the columns UNNAMED. Of lists in an object, those of COCO are joined: what an annotation says of an
    image, with the file name of that image; others count where their objects are like those of the longest.
    """
    lines = (line.lstrip("\ufeff \t") for line in text_lines(path) if line.strip("\ufeff \r\n\t"))
    start, second = next(lines, ""), next(lines, "")
    if start[:1] not in ("[", "{"):
        yield Damage("broken_table", "not JSON" if start else "empty")
        return
    if start[0] == "{" and _is_row(start, alone=not second):
        yield from line_rows(path)
        return
    lists: dict[str, list[Row]] = {}
    others: list[str] = []
    number = 0
    for number, (name, value) in enumerate(_values(path), 1):
        if isinstance(value, Damage):
            yield value
        elif isinstance(value, dict):
            if name not in ABOUT:
                yield {KEY: name, **value} if name else value
        elif IMAGE_LIKE.search(name):
            yield dict(zip(UNNAMED, (name, value), strict=True))
        elif not name:
            yield Damage("broken_row", f"item {number}: not a JSON object")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lists[name] = value
        else:
            others.append(name)
    if {"images", "annotations"} <= set(lists):
        yield from _joined(lists["images"], lists["annotations"])
        return
    for rows in lists.values():
        if _alike(rows[0], max(lists.values(), key=len)[0]):  # train, val and test
            yield from rows
    if others and number == len(others):
        yield Damage("no_columns", f"no objects; values of: {', '.join(others[:20])}")


def _alike(one: Row, other: Row) -> bool:
    return 2 * len(set(one) & set(other)) >= len(set(other))


def _is_row(line: str, alone: bool) -> bool:
    """Whether a line is an object with values of its own; `alone` in its file, it may hold the rows in a list."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return False
    lists = alone and any(isinstance(one, list) and one and isinstance(one[0], dict) for one in values.values())
    nested = all(isinstance(one, dict | list) for one in values.values())
    return not (lists or nested or any(map(IMAGE_LIKE.search, values)))


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    """(name, value) of the parts of a list or object; names of a list's parts are ""."""
    with open_bytes(path) as file, io.TextIOWrapper(file, "utf-8-sig", "replace") as text:
        buffer = text.read(BLOCK).lstrip()
        named, place, name, count = buffer[:1] == "{", 1, "", 0
        while True:
            place = _after(BETWEEN, buffer, place)
            if buffer[place : place + 1] in ("]", "}"):
                if (buffer[place + 1 :] + text.read(BLOCK)).strip():
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
    by_id = {image.get("id"): image for image in images}
    for annotation in annotations:
        yield {**by_id.get(annotation.get("image_id"), {}), **annotation}
