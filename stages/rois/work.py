"""One video's cursor trace and boxes."""

import io
from pathlib import Path

import pandas as pd

from stages.common.files import read_tar, write_table
from stages.common.itemwise import Item
from stages.rois.gestures import box, gestures
from stages.rois.params import Params
from stages.rois.trace import trace

BOX_COLUMNS = ("chunk_id", "start_s", "end_s", "x0", "y0", "x1", "y1")


def rois(item: Item, scratch: Path, block: Params) -> None:
    """Write ID.parquet (boxes) and ID.trace.parquet (chunk_id, t_s, x, y) below `scratch`."""
    member = read_tar(Path(item.data["keyframes"]), ["marks.parquet"])["marks.parquet"]
    points = trace(pd.read_parquet(io.BytesIO(member)))
    rows = []
    for chunk, path in points.groupby("chunk_id", sort=True):
        for piece in gestures(path, block.max_gap_s, block.max_extent, block.min_gesture_s):
            x0, y0, x1, y1 = box(piece)
            if block.min_area <= (x1 - x0) * (y1 - y0) <= block.max_area:
                rows.append((chunk, piece.t_s.iloc[0], piece.t_s.iloc[-1], x0, y0, x1, y1))
    write_table(scratch / f"{item.id}.parquet", pd.DataFrame(rows, columns=list(BOX_COLUMNS)))
    write_table(scratch / f"{item.id}.trace.parquet", points)
