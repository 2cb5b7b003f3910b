"""Rows of tables of any common kind, in a stream: values as they were stored, None where there is none."""

import re
import zipfile
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any

from stages.common.data.delimited import COMPRESSED, PREAMBLE, IsHeader, Row, delimited_rows, text_lines
from stages.common.data.json_rows import json_rows, line_rows
from stages.common.data.lookup import files_below
from stages.common.data.reading import Damage, said
from stages.common.data.shards import shard_rows
from stages.common.data.sidecars import notes_of

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
    ".tgz": "shard",
    ".tbz2": "shard",
    ".txz": "shard",
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
SHEET = re.compile(r"worksheets/|media/")  # parts of a workbook that are read bit by bit, or never
MOST_TEXTS = 1 << 29  # bytes of a workbook's texts and other parts, which are in memory all at once
ROWS, BINARY_ROWS = 1000, 16  # read at once, without and with images in them


def tables_below(folder: Path) -> tuple[list[Path], list[Path], dict[Path, list[Path]]]:
    """(tables, data of other kinds, texts of images with these) below `folder`; a folder that `datasets` saved is one
    table. A text file that belongs to an image (stages.common.data.sidecars), and the list of a shard's or a folder's
    images that img2dataset writes, are none of their own."""
    files = list(files_below(folder))
    saved = {path.parent for path in files if path.name == FOLDER and (path.parent / "dataset_info.json").exists()}
    shards = {path.with_suffix("") for path in files if path.suffix.lower() == ".tar"}
    notes = notes_of([path for path in files if not path.name.lower().startswith(NOTES)])
    tables, others = sorted(saved), []
    for path in files:
        name = path.name.lower()
        if saved & set(path.parents) or name in NOT_TABLES or name.startswith(NOTES) or name.endswith("_stats.json"):
            continue
        if path in notes or (path.suffix.lower() in (".parquet", ".json") and path.with_suffix("") in shards):
            continue
        if kind_of(path):
            tables.append(path)
        elif UNREAD.fullmatch(name):
            others.append(path)
    return sorted(tables), others, notes


def kind_of(path: Path) -> str:
    """How a file is read; "" for one that is not."""
    name = path.name.lower()
    ending = PurePosixPath(name).suffix
    if ending in COMPRESSED and ending not in KINDS:
        inner = KINDS.get(PurePosixPath(name.removesuffix(ending)).suffix, "")
        return inner if inner in ("delimited", "lines", "json", "shard") else ""
    return KINDS.get(ending, "")


def read_rows(path: Path, is_header: IsHeader) -> Iterator[Row | Damage]:
    """Yield the rows of the table at `path`, a Damage for each that cannot be read and one for what follows after an
    error. `is_header` tells whether a line is a header, of tables that may have none."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for
        yield Damage("broken_table", "not a file")
        return
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


def _rows(path: Path, is_header: IsHeader) -> Iterator[Row | Damage]:
    kind = "saved" if path.is_dir() else kind_of(path)
    if kind == "delimited" and next(text_lines(path), "").lstrip().startswith('{"'):
        kind = "lines"
    by_header: dict[str, Callable[[Path, IsHeader], Iterator[Row | Damage]]] = {
        "delimited": delimited_rows,
        "lines": line_rows,
        "json": json_rows,
        "sheets": _sheets,
    }
    if kind in by_header:
        yield from by_header[kind](path, is_header)
        return
    readers = {"parquet": _parquet, "arrow": _arrow, "saved": _saved, "shard": shard_rows}
    yield from readers[kind](path)


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
            batch.validate(full=True)  # pyarrow follows offsets of a damaged batch out of the file
            for begin in range(0, len(batch), BINARY_ROWS):
                yield from batch.slice(begin, BINARY_ROWS).to_pylist()


def _saved(path: Path) -> Iterator[Row]:
    from datasets import load_from_disk

    table = load_from_disk(str(path)).with_format("arrow")
    for part in table.iter(_at_once(table.features.arrow_schema)):
        yield from part.to_pylist()


def _at_once(schema: Any) -> int:
    return BINARY_ROWS if "binary" in str(schema.types) else ROWS


def _sheets(path: Path, is_header: IsHeader) -> Iterator[Row | Damage]:
    """Rows of every sheet of a workbook, under its first row that is a header, or else the first that is not empty; a
    Damage for each above the header."""
    from openpyxl import load_workbook

    with zipfile.ZipFile(path) as book:
        texts = sum(part.file_size for part in book.infolist() if not SHEET.search(part.filename))
    if texts > MOST_TEXTS:
        raise ValueError(f"{texts} bytes of texts, more than {MOST_TEXTS}: save it as CSV")
    for sheet in load_workbook(path, read_only=True, data_only=True).worksheets:
        rows = (row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row))
        begin = list(islice(rows, PREAMBLE))
        headers = ([str(cell or "").strip() for cell in row] for row in begin)
        place = next((n for n, names in enumerate(headers) if is_header(names)), 0)
        for _ in begin[:place]:
            yield Damage("broken_row", f"{sheet.title}: before the names of columns")
        for number, cells in enumerate(chain(begin[place:], rows)):
            if number == 0:
                names = [str(cell or "").strip() for cell in cells]
            else:
                yield {name: cell for name, cell in zip(names, cells, strict=False) if name}
