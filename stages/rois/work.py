"""One video's cursor trace and boxes."""

import io
from pathlib import Path

import pandas as pd

from stages.common.data.files import read_tar, write_table
from stages.common.incremental.runner import Item
from stages.rois.gestures import box, gestures
from stages.rois.params import Params
from stages.rois.trace import trace

BOX_COLUMNS = ("hold_id", "start_s", "end_s", "x0", "y0", "x1", "y1")


def rois(item: Item, scratch: Path, params: Params) -> None:
    """Write ID.parquet (boxes) and ID.trace.parquet (hold_id, t_s, x, y) below `scratch`."""
    member = read_tar(Path(item.data["keyframes"]), ["overlays.parquet"])["overlays.parquet"]
    points = trace(pd.read_parquet(io.BytesIO(member)))
    rows = []
    for hold_id, path in points.groupby("hold_id", sort=True):
        for piece in gestures(path, params.max_gap_s, params.max_extent, params.min_gesture_s):
            x0, y0, x1, y1 = box(piece)
            if params.min_area <= (x1 - x0) * (y1 - y0) <= params.max_area:
                rows.append((hold_id, piece.t_s.iloc[0], piece.t_s.iloc[-1], x0, y0, x1, y1))
    write_table(scratch / f"{item.id}.parquet", pd.DataFrame(rows, columns=list(BOX_COLUMNS)))
    write_table(scratch / f"{item.id}.trace.parquet", points)
