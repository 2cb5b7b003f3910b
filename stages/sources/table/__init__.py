"""Any tables of images and texts below a folder: files of many kinds beside their images, with the images in them, or
Quilt-1M's own CSV."""

import base64
import binascii
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.common.data.columns import find_columns, text_of, texts_of
from stages.common.data.delimited import Row
from stages.common.data.lookup import MISSING, ImageFinder, files_below
from stages.common.data.reading import Damage
from stages.common.data.rows import kind_of, read_rows, tables_below
from stages.common.data.shards import IMAGE, Reference
from stages.common.data.sidecars import note_rows
from stages.common.errors import Rejected, StageError
from stages.sources.candidate import Candidate
from stages.sources.params import Params, TableSource
from stages.sources.table.quilt import is_released, released

KINDS = ("image", "text", "group", "license")  # of columns
ENOUGH = 1000  # rows of a table without a column of images or texts, after which no more are read
LONGEST_NAME = 40  # letters of a column's name that are shown: without a header it may be an image in Base64
BASE64 = re.compile(r"(data:image/\w+;base64,)?[A-Za-z0-9+/\s]{200,}={0,2}")

log = logging.getLogger(__name__)


def candidates(params: Params) -> Iterator[Candidate]:
    """Yield one candidate for each image and text of every table below the folder, in order; what cannot be read of one
    is a candidate with its reason, and other tables go on.

    Images are named by path or file name (stages.common.data.lookup says how they are found), or are in the cell as
    `datasets` stores them. A table with the columns of quilt_1M_lookup.csv is read as it was released. An image that
    no table names, with a text in a file of its own, is a pair too. Raises StageError where nothing can be read.
    """
    table = params.table
    folder = Path(table.folder)
    if not folder.is_dir():
        raise StageError(f"sources.table.folder: {folder} not found")
    finder = ImageFinder(Path(table.images or folder))
    reader = _Reader(table, finder)
    paths, others, notes = tables_below(folder)
    reader.folders_of_notes = {note.parent for note in notes}
    for path in paths:
        yield from reader.read(path)
    yield from reader.read_notes(notes, folder)
    for path in others:
        yield reader.damage(path, Damage("unread_file", "of a kind that is not read: save it as CSV or parquet"))
    for path, why in finder.damaged:
        if path not in paths:  # a shard that was read as a table has said so
            yield reader.damage(path, Damage("broken_archive", why))
    if not reader.rows:
        names = [path.name for path in files_below(folder)]
        there = f"none of its {len(names)} files ({', '.join(names[:5])}, ...) is a table" if names else "it is empty"
        shown = reader.problem or f"sources.table.folder: {folder}: {there}: docs/own-tables.md says what can be read"
        raise StageError(shown)


class _Reader:
    """Makes candidates of rows, numbered over all tables; `rows` counts those that could be read, and `problem` is the
    first thing that could not."""

    def __init__(self, table: TableSource, finder: ImageFinder) -> None:
        self.rows = 0
        self.problem = ""
        self.folders_of_notes: set[Path] = set()
        self._named: set[int] = set()  # hashes of the images that tables name: names take more memory
        self._number = 0
        self._table, self._finder = table, finder
        self._names: list[str] = []
        self._found: dict[str, str] = {}
        self._wanted = {kind: str(getattr(table, kind)) for kind in KINDS}

    def read(self, path: Path) -> Iterator[Candidate]:
        """Candidates of the rows of a table; of one whose rows have no images or texts, one that says so."""
        lacking: list[tuple[str, list[str]]] = []
        found = False
        for row in read_rows(path, self._is_header):
            if isinstance(row, Damage):
                yield self.damage(path, row)
                continue
            columns = self._columns(list(row))
            if lack := next((kind for kind in ("image", "text") if kind not in columns), ""):
                lacking.append((lack, list(row)))
                if not found and len(lacking) == ENOUGH:
                    break
            else:
                found = True
                yield from self.row(row, path, columns)
        if not found and path.suffix.lower() == ".txt" and path.parent in self.folders_of_notes:
            yield self.damage(path, Damage(MISSING, "no image of this name"))
        elif lacking and not found:
            yield from self._no_column(path, *lacking[0])
        else:
            for lack, _ in lacking:
                yield self.damage(path, Damage("broken_row", f"a row without {lack}"))

    def read_notes(self, notes: dict[Path, list[Path]], folder: Path) -> Iterator[Candidate]:
        """Candidates of the images with texts in files of their own, but for those that a table names."""
        texts: dict[tuple[Path, ...], list[Path]] = {}
        for note, images in notes.items():
            texts.setdefault(tuple(images), []).append(note)
        for files, several in texts.items():
            if self._named & {hash(file.resolve()) for file in files}:
                continue
            for row in note_rows(files, several, folder):
                if isinstance(row, Damage):
                    yield self.damage(files[0], row)
                    continue
                columns = {**({"text": "text"} if "text" in row else {}), **self._columns(list(row)), "image": IMAGE}
                if "text" in columns:
                    yield from self.row(row, folder, columns)
                else:
                    yield self.damage(files[0], Damage("broken_row", "no text beside it"))

    def row(self, row: Row, path: Path, columns: dict[str, str]) -> Iterator[Candidate]:
        """A candidate for each image and each text of the row."""
        self.rows += 1
        number = self._number
        self._number += 1
        folder = path if path.is_dir() else path.parent
        if is_released(row):
            yield released(row, number, path, self._image(str(row["image_path"]), folder))
            return
        cells = {kind: row.get(column) for kind, column in columns.items()}
        if "{" in self._table.image:
            cells["image"] = _filled(self._table.image, row)
        images = [self._image(one, folder) for one in _several(cells["image"])]
        texts = texts_of(cells["text"]) or [""]
        place = f"{path.name} {number}"
        for image, name, drop, detail in images:
            group = text_of(cells.get("group")) or images[0][1] or str(number)
            for text in texts:
                license = text_of(cells.get("license"))
                yield Candidate(f"{number:08d}", group, image, text, place, license, drop, detail or name)

    def damage(self, path: Path, damage: Damage) -> Candidate:
        """A candidate for what cannot be read of a table."""
        if not self.problem:
            broken = f"{path} cannot be read ({damage.detail}): get it again or remove it"
            self.problem = f"{path}: {damage.detail}" if damage.reason == "unread_file" else broken
        key = f"{self._number:08d}"
        self._number += 1
        return Candidate(key, key, b"", "", path.name, drop=damage.reason, detail=f"{path.name}: {damage.detail}")

    def _is_header(self, names: list[str]) -> bool:
        return {"image", "text"} <= set(self._columns(names))

    def _columns(self, names: list[str]) -> dict[str, str]:
        if names != self._names:  # those of the row before, most often
            released = {"image": "image_path", "text": "caption"}
            found = released if is_released(names) else find_columns(names, self._wanted)
            self._names, self._found = names, found | ({"image": ""} if "{" in self._table.image else {})
        return self._found

    def _no_column(self, path: Path, kind: str, names: list[str]) -> Iterator[Candidate]:
        known = ", ".join(str(name)[:LONGEST_NAME] for name in names[:20])
        if not self.problem:
            parameter = f"sources.table.{kind}"
            self.problem = f"{path}: no column '{self._wanted[kind]}': set {parameter} to one of: {known}"
        if path.suffix.lower() in (".txt", ".tar"):  # a note, or images that another table names
            log.warning("%s: not read as a table: no column of %ss", path, kind)
        elif kind_of(path) == "shard":
            yield self.damage(path, Damage("unread_file", "a compressed tar without texts: unpack it"))
        else:
            yield self.damage(path, Damage("no_columns", f"no column of {kind}s among: {known}"))

    def _image(self, value: Any, folder: Path) -> tuple[bytes | str, str, str, str]:
        """(bytes or reference, name, reason to drop, detail) of what a cell has for an image."""
        name = ""
        if isinstance(value, Reference):
            return value, value.rpartition("#")[2], "", ""
        if isinstance(value, dict):
            name, value = text_of(value.get("path") or value.get("file_name")), value.get("bytes")
        if isinstance(value, bytes) and value:
            return value, name, "", ""
        name = name or text_of(value)
        if len(name) > 200 and (data := _decoded(name)):
            return data, "", "", ""
        if not name:
            return b"", "", MISSING, "no name"
        try:
            found = self._finder.find(name, folder)
        except Rejected as why:
            return b"", name, why.reason, why.message
        if self.folders_of_notes:
            self._named.add(hash(Path(found).resolve()))
        return found, name, "", ""


def _several(value: Any) -> list[Any]:
    return list(value) or [None] if isinstance(value, list | tuple) else [value]


def _filled(pattern: str, row: Row) -> str:
    """A name made of the row's values; "" where one is not there."""
    try:
        return pattern.format_map(row)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return ""


def _decoded(text: str) -> bytes:
    """The bytes of an image in Base64; b"" for any other text."""
    if not BASE64.fullmatch(text):
        return b""
    try:
        return base64.b64decode(text.partition("base64,")[2] or text)
    except (binascii.Error, ValueError):
        return b""
