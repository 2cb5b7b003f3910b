"""Any table of images and texts: CSV, TSV or parquet beside its images, a folder of `datasets`, Quilt-1M's own CSV."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.reading import named_damage
from stages.common.errors import StageError
from stages.sources.candidate import Candidate
from stages.sources.params import Params, TableSource

QUILT = {"caption", "image_path", "subset", "split", "noisy_text", "corrected_text", "med_umls_ids", "magnification"}
VIDEO_ID = re.compile(r"(.{11})_image_")  # how Quilt-1M names the images of a video
LISTS = ("**/*.csv", "**/*.tsv", "**/*.parquet")


def candidates(params: Params) -> Iterator[Candidate]:
    """Yield one candidate per row of every table below the folder, in order; none where there is no table.

    Images are paths relative to the table (or below the folder), or the bytes that `datasets` stores in parquet. A
    table with the columns of quilt_1M_lookup.csv is read as it was released, whatever the parameters say.
    """
    table = params.table
    folder = Path(table.folder)
    paths = sorted({path for pattern in LISTS for path in folder.glob(pattern)})
    number = 0
    for path in paths:
        for part in _read(path):
            released = set(part.columns) >= QUILT
            if not released:
                _check_columns(part, path, table)
            for row in part.to_dict("records"):
                yield _released(row, number, path) if released else _plain(row, number, path, table)
                number += 1


def _read(path: Path) -> Iterator[pd.DataFrame]:
    """The table at `path`, in parts. Raises StageError where it cannot be read."""
    parts = _parts(path)
    while True:
        with named_damage(path):
            part = next(parts, None)
        if part is None:
            return
        yield part


def _parts(path: Path) -> Iterator[pd.DataFrame]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as parquet

        for batch in parquet.ParquetFile(path).iter_batches(1000):
            yield batch.to_pandas()
        return
    separator = "\t" if path.suffix == ".tsv" else ","
    yield from pd.read_csv(
        path, sep=separator, dtype=str, keep_default_na=False, chunksize=10_000, encoding_errors="replace"
    )


def _check_columns(part: pd.DataFrame, path: Path, table: TableSource) -> None:
    for key in ("image", "text"):
        if (name := getattr(table, key)) not in part.columns:
            known = ", ".join(map(str, part.columns))
            raise StageError(f"{path}: no column '{name}': set sources.table.{key} to one of: {known}")


def _plain(row: dict[str, Any], number: int, path: Path, table: TableSource) -> Candidate:
    data, name = _image_in(row[table.image], path.parent, Path(table.folder))
    group = str(row.get(table.group) or name or number)
    license = str(row.get(table.license) or "")
    drop = "" if data else "missing_image"
    return Candidate(
        f"{number:08d}", group, data, str(row[table.text] or ""), f"{path.name} {number}", license, drop, name
    )


def _released(row: dict[str, Any], number: int, path: Path) -> Candidate:
    """A row of quilt_1M_lookup.csv; images of one video are one group, the others each their own."""
    name = str(row["image_path"])
    data, _ = _image_in(name, path.parent, path.parent)
    video = VIDEO_ID.match(Path(name).name)
    group = f"{row['subset']}_{video.group(1)}" if video else f"{row['subset']}_{Path(name).stem}"
    fields = _list(row.get("pathology", ""))
    level = row["magnification"]
    more = {
        "kind": "roi" if row["caption"] and row["caption"] in _list(row.get("roi_text", "")) else "medical",
        "sub_pathology": str(fields[0]) if fields else "",
        "entities": json.dumps(_entities(row["med_umls_ids"])),
        "magnification": float(level) if str(level).replace(".", "", 1).isdigit() else None,
    }
    drop = (
        "not_histology_flag" if str(row.get("not_histology", "")) in ("1", "1.0") else "" if data else "missing_image"
    )
    place = f"{path.name} {number}"
    return Candidate(f"{number:08d}", group, data, str(row["caption"]), place, "", drop, name, more)


def _image_in(value: Any, *folders: Path) -> tuple[bytes, str]:
    """(bytes, name) of a cell: a path below one of `folders`, or what `datasets` stores: {bytes, path}."""
    if isinstance(value, dict):
        return value.get("bytes") or b"", str(value.get("path") or "")
    if isinstance(value, bytes):
        return value, ""
    for folder in folders:
        path = (folder / str(value)).resolve()
        if path.is_relative_to(folder.resolve()) and path.is_file():
            return path.read_bytes(), str(value)
    return b"", str(value)


def _list(text: Any) -> list[Any]:
    """A list as Python prints it; [] for anything else."""
    try:
        value = ast.literal_eval(str(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return value if isinstance(value, list) else []


def _entities(text: Any) -> list[dict[str, Any]]:
    """Entities of all sentences under this pipeline's keys; other keys of a record are dropped."""
    flat = [one for part in _list(text) for one in (part if isinstance(part, list) else [part])]
    return [
        {"term": str(one.get("entity", "")), "id": str(one.get("cui", one.get("id", ""))), "semantic_type": ""}
        for one in flat
        if isinstance(one, dict)
    ]
