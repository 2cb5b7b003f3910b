"""Rows of tables of any common kind, in a stream: values as they were stored, None where there is none."""

import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from stages.common.data.delimited import COMPRESSED, Row, delimited_rows
from stages.common.data.json_rows import json_rows, line_rows
from stages.common.data.lookup import ENDINGS, files_below
from stages.common.data.reading import Damage, said

IMAGE = "image"  # column of a shard's image: a reference to it
KINDS = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".tab": "delimited",
    ".txt": "delimited",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".json": "json",
    ".xlsx": "sheets",
    ".xlsm": "sheets",
    ".tar": "shard",
}
FOLDER = "state.json"  # what a folder of `datasets` holds, as save_to_disk writes it
# What describes a data set and holds no rows of it.
NOT_TABLES = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "croissant.json", FOLDER)
NOTES = ("readme", "license", "licence", "copying", "citation", "changelog", "requirements", "notice")
# Names of data of kinds that are not read.
UNREAD = re.compile(
    r".*\.(xlsb?|ods|pkl|pickle|np[yz]|mat|h5|hdf5|db|sqlite3?|mdb|lmdb|rds|rdata|sav|dta|orc|avro|xml|bin|part"
    r"|zst|7z|rar|tgz|gz|bz2|xz)"
)
ROWS, BINARY_ROWS = 1000, 16  # read at once, without and with images in them
SHORT = 1_000_000  # bytes of a shard's text


class Reference(str):
    """A reference to an image, where a table has names."""


def tables_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """(tables, data of other kinds) below `folder`; a folder that `datasets` saved is one table. A text file beside an
    image of its name, and the list of a shard's or a folder's images that img2dataset writes, are none of their own."""
    files = list(files_below(folder))
    saved = {path.parent for path in files if path.name == FOLDER and (path.parent / "dataset_info.json").exists()}
    shards = {path.with_suffix("") for path in files if path.suffix.lower() == ".tar"}
    images = {path.with_suffix("") for path in files if path.suffix.lower() in ENDINGS}
    described = {".parquet": shards, ".json": shards | images, ".txt": images}
    tables, others = sorted(saved), []
    for path in files:
        name = path.name.lower()
        if saved & set(path.parents) or name in NOT_TABLES or name.startswith(NOTES) or name.endswith("_stats.json"):
            continue
        if path.with_suffix("") in described.get(path.suffix.lower(), ()):
            continue
        if kind_of(path):
            tables.append(path)
        elif UNREAD.fullmatch(name):
            others.append(path)
    return sorted(tables), others


def kind_of(path: Path) -> str:
    """How a file is read; "" for one that is not."""
    name = path.name.lower()
    ending = PurePosixPath(name).suffix
    if ending in COMPRESSED:
        inner = KINDS.get(PurePosixPath(name.removesuffix(ending)).suffix, "")
        return inner if inner in ("delimited", "lines", "json") else ""
    return KINDS.get(ending, "")


def read_rows(path: Path, is_header: Callable[[list[str]], bool]) -> Iterator[Row | Damage]:
    """Yield the rows of the table at `path`, a Damage for each that cannot be read and one for what follows after an
    error. `is_header` tells whether a line is a header, of tables that may have none."""
    rows = _rows(path, is_header)
    while True:
        try:
            row = next(rows, None)
        except Exception as error:  # every library has its own
            yield Damage("broken_table", said(error, path))
            return
        if row is None:
            return
        yield row


def _rows(path: Path, is_header: Callable[[list[str]], bool]) -> Iterator[Row | Damage]:
    kind = "saved" if path.is_dir() else kind_of(path)
    if kind == "delimited":
        return delimited_rows(path, is_header)
    readers = {"lines": line_rows, "json": json_rows, "parquet": _parquet, "arrow": _arrow, "saved": _saved}
    readers |= {"sheets": _sheets, "shard": _shard}
    return readers[kind](path)


def _parquet(path: Path) -> Iterator[Row | Damage]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, buffer_size=1 << 20) as file:
        for group in range(file.num_row_groups):
            try:
                for batch in file.iter_batches(_at_once(file.schema_arrow), row_groups=[group]):
                    yield from batch.to_pylist()
            except (pa.ArrowException, OSError) as error:
                rows = file.metadata.row_group(group).num_rows
                yield Damage("broken_table", f"row group {group}, of {rows} rows: {said(error, path)}")


def _arrow(path: Path) -> Iterator[Row]:
    """Rows of an Arrow file, or of a stream, which is what `datasets` writes under the same ending."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        try:
            opened = pa.ipc.open_file(file)
            batches = (opened.get_batch(number) for number in range(opened.num_record_batches))
        except pa.ArrowInvalid:
            file.seek(0)
            batches = pa.ipc.open_stream(file)
        for batch in batches:
            for begin in range(0, len(batch), BINARY_ROWS):
                yield from batch.slice(begin, BINARY_ROWS).to_pylist()


def _saved(path: Path) -> Iterator[Row]:
    from datasets import load_from_disk

    table = load_from_disk(str(path)).with_format("arrow")
    for part in table.iter(_at_once(table.features.arrow_schema)):
        yield from part.to_pylist()


def _at_once(schema: Any) -> int:
    return BINARY_ROWS if "binary" in str(schema.types) else ROWS


def _sheets(path: Path) -> Iterator[Row]:
    """Rows of every sheet of a workbook, under the first row that is not empty."""
    from openpyxl import load_workbook

    for sheet in load_workbook(path, read_only=True, data_only=True).worksheets:
        names: list[str] = []
        for cells in sheet.iter_rows(values_only=True):
            if any(cell is not None for cell in cells):
                if names:
                    yield {name: cell for name, cell in zip(names, cells, strict=False) if name}
                names = names or [str(cell or "").strip() for cell in cells]


def _shard(path: Path) -> Iterator[Row | Damage]:
    """A row for each sample of a webdataset shard: a reference to its image, its text, and what its JSON holds.

    webdataset itself reads members of any length, and all of them.
    """
    import json

    row: Row = {}
    last = ""
    with tarfile.open(path, "r:") as tar:
        for info in tar:
            place = PurePosixPath(info.name)
            if not info.isfile() or place.name.startswith("."):
                continue
            stem, _, ending = place.name.partition(".")
            key = str(place.with_name(stem))
            if row and key != last:
                yield row
                row = {}
            last = key
            row.setdefault("key", stem)
            file = tar.extractfile(info) if info.size <= SHORT else None
            ending = ending.rpartition(".")[2].lower()
            if f".{ending}" in ENDINGS:
                row[IMAGE] = Reference(f"{path}#{info.name}")
            elif file and ending in ("txt", "caption", "text"):
                row["text"] = file.read().decode("utf-8", "replace")
            elif file and ending == "json":
                try:
                    found = json.loads(file.read())
                except (ValueError, RecursionError):
                    yield Damage("broken_row", f"{info.name}: not JSON")
                    continue
                row = {**found, **row} if isinstance(found, dict) else row
    if row:
        yield row


def beside_images(folder: Path) -> Iterator[Row]:
    """A row for each image below `folder` that has a text file of its own name beside it."""
    for path in files_below(folder):
        note = path.with_suffix(".txt")
        if path.suffix.lower() in ENDINGS and note.exists() and note.stat().st_size <= SHORT:
            yield {IMAGE: os.path.relpath(path, folder), "text": note.read_text("utf-8", "replace")}
