"""Texts in files of their own: beside the image whose name they have, or in a folder beside the image's folder."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stages.common.data.delimited import Row, open_text
from stages.common.data.lookup import ENDINGS
from stages.common.data.reading import Damage
from stages.common.data.shards import IMAGE, SHORT, TEXTS

NOTES = (*TEXTS, ".json")


def notes_of(files: Sequence[Path]) -> dict[Path, list[Path]]:
    """The images that each of the text files among `files` belongs to: x.jpg for x.txt and x.jpg.txt beside it, or else
    images/x.jpg for captions/x.txt."""
    images = [path for path in files if path.suffix.lower() in ENDINGS]
    beside: dict[Path, list[Path]] = defaultdict(list)
    for image in images:
        beside[image.with_suffix("")].append(image)
        beside[image].append(image)
    notes = [path for path in files if path.suffix.lower() in NOTES]
    found = {note: beside[note.with_suffix("")] for note in notes if note.with_suffix("") in beside}
    others = [note for note in notes if note not in found]
    stems = {note.stem for note in others}
    parallel: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    for image in images:
        for way in _ways(image) if image.stem in stems else ():
            parallel[way].append(image)
    for note in others:
        if several := [one for way in _ways(note) for one in parallel.get(way, ())]:
            found[note] = several
    return found


def _ways(path: Path) -> Iterator[tuple[str, ...]]:
    """The path without its ending and without one of its folders, for each of them."""
    parts = path.with_suffix("").parts
    return ((*parts[:place], "*", *parts[place + 1 :]) for place in range(len(parts) - 1))


def note_rows(images: Sequence[Path], notes: Sequence[Path], folder: Path) -> Iterator[Row | Damage]:
    """The row of an image that has texts beside it; what a JSON file says of it is in its columns."""
    row: Row = {}
    for note in sorted(notes, key=lambda path: path.suffix.lower() != ".json"):
        if not note.is_file():  # a pipe would be waited for, a device read for ever
            yield Damage("broken_row", f"{note.name}: not a file")
            continue
        if (size := note.stat().st_size) > SHORT:
            yield Damage("broken_row", f"{note.name}: {size} bytes of text")
            continue
        with open_text(note) as file:
            text = file.read()
        if note.suffix.lower() != ".json":
            row["text"] = text
            continue
        try:
            value: Any = json.loads(text)
        except (ValueError, RecursionError):
            yield Damage("broken_row", f"{note.name}: not JSON")
            continue
        row |= value if isinstance(value, dict) else {"text": value}
    names = [os.path.relpath(image, folder) for image in images]
    if row:
        yield row | {IMAGE: names[0] if len(names) == 1 else names}
