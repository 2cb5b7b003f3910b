"""One video's cursor trace and boxes."""

from pathlib import Path

import pandas as pd

from stages.common.files import read_tar, write_table
from stages.common.itemwise import Item
from stages.common.threads import limit_threads
from stages.rois.params import Params
from stages.rois.trace import box, gestures, trace

BOX_COLUMNS = ("chunk_id", "start_s", "end_s", "x0", "y0", "x1", "y1")


def rois(item: Item, scratch: Path, block: Params, jobs: int) -> None:
    """Write ID.parquet (boxes) and ID.trace.parquet (chunk_id, t_s, x, y) below `scratch`."""
    limit_threads(jobs)
    holds = pd.read_parquet(item.data["holds"])
    images = read_tar(Path(item.data["images"]), holds.image)
    points = trace(Path(item.data["video"]), holds, images, block.sample_fps, block.residue)
    rows = []
    for chunk, path in points.groupby("chunk_id", sort=True):
        for piece in gestures(path, block.max_gap_s, block.min_gesture_s):
            x0, y0, x1, y1 = box(piece)
            if block.min_area <= (x1 - x0) * (y1 - y0) <= block.max_area:
                rows.append((chunk, piece.t_s.iloc[0], piece.t_s.iloc[-1], x0, y0, x1, y1))
    write_table(scratch / f"{item.id}.parquet", pd.DataFrame(rows, columns=list(BOX_COLUMNS)))
    write_table(scratch / f"{item.id}.trace.parquet", points)
