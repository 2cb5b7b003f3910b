"""One video's cursor trace and boxes."""

from pathlib import Path

from stages.common.data.tars import read_tar
from stages.common.incremental.runner import Item
from stages.common.tables.keyframes import OVERLAYS, OVERLAYS_MEMBER
from stages.common.tables.rois import BOXES, TRACE
from stages.rois.gestures import box, gestures
from stages.rois.params import Params
from stages.rois.trace import trace


def rois(item: Item, scratch: Path, params: Params) -> None:
    """Write ID.parquet (boxes) and ID.trace.parquet (hold_id, t_s, x, y) below `scratch`."""
    member = read_tar(path := Path(item.data["keyframes"]), [OVERLAYS_MEMBER])[OVERLAYS_MEMBER]
    points = trace(OVERLAYS.read_bytes(member, f"{path}#{OVERLAYS_MEMBER}"))
    rows = []
    for hold_id, path in points.groupby("hold_id", sort=True):
        for piece in gestures(path, params.max_gap_s, params.max_extent, params.min_gesture_s):
            x0, y0, x1, y1 = box(piece)
            if params.min_area <= (x1 - x0) * (y1 - y0) <= params.max_area:
                rows.append((hold_id, piece.t_s.iloc[0], piece.t_s.iloc[-1], x0, y0, x1, y1))
    BOXES.write(scratch / f"{item.id}.parquet", BOXES.frame(rows))
    TRACE.write(scratch / f"{item.id}.trace.parquet", points)
