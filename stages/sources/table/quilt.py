"""Rows of quilt_1M_lookup.csv, as Quilt-1M was released."""

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from stages.common.data.columns import number_of, text_of
from stages.common.data.delimited import Row
from stages.sources.candidate import Candidate

COLUMNS = {"caption", "image_path", "subset", "split", "noisy_text", "corrected_text", "med_umls_ids", "magnification"}
VIDEO_ID = re.compile(r"(.{11})_image_")  # how it names the images of a video
SPLITS = ("train", "val")
LEVELS = (0.0, 1.0, 2.0)  # of magnification, in the meaning of the column of the same name here

Image = tuple[bytes | str, str, str, str]


def is_released(names: Iterable[str]) -> bool:
    """Whether a table has the columns of the released one."""
    return set(names) >= COLUMNS


def released(row: Row, number: int, path: Path, image: Image) -> Candidate:
    """The candidate of a row; images of one video are one group, the others each their own."""
    data, name, missing, detail = image
    file = PurePosixPath(name.replace("\\", "/"))
    video = VIDEO_ID.match(file.name)
    subset, caption, split = (text_of(row[column]) for column in ("subset", "caption", "split"))
    fields = _list(row.get("pathology"))
    level = number_of(row["magnification"])
    more = {
        "kind": "roi" if caption and caption in _list(row.get("roi_text")) else "medical",
        "sub_pathology": str(fields[0]) if fields else "",
        "entities": json.dumps(_entities(row["med_umls_ids"])),
        "magnification": level if level in LEVELS else None,
        "released_split": split if split in SPLITS else "",
    }
    flagged = number_of(row.get("not_histology")) == 1
    drop, detail = ("not_histology_flag", name) if flagged else (missing, detail or name)
    group = f"{subset}_{video[1] if video else file.stem}"
    return Candidate(f"{number:08d}", group, data, caption, f"{path.name} {number}", "", drop, detail, more)


def _list(value: Any) -> list[Any]:
    """A list, also as Python prints it; [] for anything else."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return []
    return value if isinstance(value, list) else []


def _entities(value: Any) -> list[dict[str, Any]]:
    """Entities of all sentences under this pipeline's keys; other keys of a record are dropped."""
    flat = [one for part in _list(value) for one in (part if isinstance(part, list) else [part])]
    return [
        {"term": str(one.get("entity", "")), "id": str(one.get("cui", one.get("id", ""))), "semantic_type": ""}
        for one in flat
        if isinstance(one, dict)
    ]
