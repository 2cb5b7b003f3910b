"""Tissue of known scale: a folder with scales.csv and the images."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.common.data.arrays import Picture
from stages.common.data.pictures import read_picture
from stages.common.errors import Rejected, StageError

COLUMNS = ("file", "source", "um_per_pixel")


@dataclass(frozen=True)
class Tissue:
    """An image of tissue with its scale; images of one `source` (KIND_NAME) are of one slide or laboratory."""

    image: Picture
    source: str
    um_per_pixel: float


def read_tissue(folder: Path) -> list[Tissue]:
    """Return the images that scales.csv of `folder` lists, in its order. Raises StageError naming the row and what to
    do."""
    path = folder / "scales.csv"
    if not path.exists():
        raise StageError(f"{path} not found: list each image there as {','.join(COLUMNS)}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StageError(f"{path}: {' '.join(str(error).split())}: save it as CSV in UTF-8") from None
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise StageError(f"{path}: column '{missing[0]}' is missing: list each image as {','.join(COLUMNS)}")
    found = []
    for number, row in enumerate(table.to_dict("records"), start=2):
        where = f"{path} row {number}"
        scale = pd.to_numeric(row["um_per_pixel"], errors="coerce")
        if not 0.01 <= scale <= 100:
            raise StageError(f"{where}: um_per_pixel is '{row['um_per_pixel']}', expected micrometres, 0.01 to 100")
        try:
            image = read_picture(folder / row["file"])
        except Rejected:
            raise StageError(f"{where}: {row['file']} is missing or not an image") from None
        found.append(Tissue(image, row["source"], float(scale)))
    return found
