"""Labelled frames: a folder with labels.csv and the images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stages.common.data.arrays import Picture
from stages.common.data.pictures import read_picture
from stages.common.errors import Rejected, StageError
from stages.common.frame_filter.prediction import FLAGS

LABELS = ("histology", "other")


def read_labels(
    folder: Path, more_flags: Sequence[str] = (), more_columns: Sequence[str] = ()
) -> tuple[pd.DataFrame, list[Picture]]:
    """Return labels.csv of `folder` and its frames as RGB, in the table's order.

    Columns: file, label (histology or other), source, any of FLAGS and all of `more_flags` with 1, 0 or nothing where
    nobody looked, and any of `more_columns` with text; flags come back as floats, NaN for nothing. Raises StageError
    naming the row and what to do.
    """
    flags = (*FLAGS, *more_flags)
    path = folder / "labels.csv"
    if not path.exists():
        raise StageError(f"{path} not found: list each frame there as file,label,source")
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            between = ";" if ";" in header and "," not in header else ","  # as some spreadsheets write it
            table = pd.read_csv(file, dtype=str, keep_default_na=False, sep=between)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StageError(f"{path}: {' '.join(str(error).split())}: save it as CSV in UTF-8") from None
    if missing := {"file", "label", "source"} - set(table.columns):
        raise StageError(f"{path}: column '{min(missing)}' is missing")
    if missing := set(more_flags) - set(table.columns):
        raise StageError(f"{path}: column '{min(missing)}' is missing, which frame_filter.more_flags names")
    if unknown := set(table.columns) - {"file", "label", "source", *flags, *more_columns}:
        known = ", ".join(flags)
        raise StageError(
            f"{path}: column '{min(unknown)}' is none of file, label, source, {known}: "
            "name a flag of your own in frame_filter.more_flags"
        )
    frames = []
    for number, row in enumerate(table.to_dict("records"), start=2):
        where = f"{path} row {number}"
        if row["label"] not in LABELS:
            raise StageError(f"{where}: label is '{row['label']}', expected histology or other")
        for flag in flags:
            if row.get(flag, "") not in ("", "0", "1"):
                raise StageError(f"{where}: {flag} is '{row[flag]}', expected 1, 0 or nothing")
        try:
            frames.append(read_picture(folder / row["file"]))
        except Rejected:
            raise StageError(f"{where}: {row['file']} is missing or not an image") from None
    for flag in flags:
        table[flag] = pd.to_numeric(table[flag]) if flag in table else np.nan
    return table, frames
