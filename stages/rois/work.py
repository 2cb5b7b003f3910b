"""One video's cursor trace, its gestures, and the region of interest (ROI) of each."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.tars import read_tar
from stages.common.incremental.runner import Item
from stages.common.tables.keyframes import HOLDS, OVERLAYS, OVERLAYS_MEMBER
from stages.common.tables.rois import BOXES, TRACE
from stages.rois.gestures import gestures
from stages.rois.params import Params

Sides = tuple[float, float, float, float]  # x0, y0, x1, y1
MOVED = 0.1  # share of an overlay's pixels that changed since the picture before: it moves
MAX_RESTING_DISTANCE = 0.05  # of the frame: an overlay that rests is the cursor if that was last seen this close to it
FORGET_S = 3.0  # seconds after which a cursor that went unseen may be anywhere


def rois(item: Item, scratch: Path, params: Params) -> None:
    """Write ID.parquet (boxes) and ID.trace.parquet (hold_id, t_s, x, y) below `scratch`.

    A gesture is boxed in the region of the hold that most of its box lies in; over none of them it is left out.
    """
    holds = HOLDS.read(Path(item.data["holds"]))
    member = read_tar(tar := Path(item.data["keyframes"]), [OVERLAYS_MEMBER])[OVERLAYS_MEMBER]
    points = trace(OVERLAYS.read_bytes(member, f"{tar}#{OVERLAYS_MEMBER}"))
    rows = []
    for hold_id, path in points.groupby("hold_id", sort=True):
        regions = holds[holds.hold_id == hold_id]
        for piece in gestures(path, params.max_gap_s, params.max_extent, params.min_gesture_s):
            around = box(piece)
            region, inside = in_region(around, regions)
            x0, y0, x1, y1 = inside
            if params.min_area <= (x1 - x0) * (y1 - y0) <= params.max_area:
                rows.append((hold_id, region, piece.t_s.iloc[0], piece.t_s.iloc[-1], *inside, *around))
    BOXES.write(scratch / f"{item.id}.parquet", BOXES.frame(rows))
    TRACE.write(scratch / f"{item.id}.trace.parquet", points)


def in_region(around: Sides, regions: pd.DataFrame) -> tuple[int, Sides]:
    """The number of the region that most of a box of the frame lies in, and that part of it as shares of the region.

    The part is empty, (0, 0, 0, 0), where the box lies in none.
    """
    best, most = (0, (0.0, 0.0, 0.0, 0.0)), 0.0
    for row in regions.itertuples():
        width, height = row.x1 - row.x0, row.y1 - row.y0
        x0, x1 = (min(max((side - row.x0) / width, 0.0), 1.0) for side in around[::2])
        y0, y1 = (min(max((side - row.y0) / height, 0.0), 1.0) for side in around[1::2])
        if (shared := (x1 - x0) * (y1 - y0) * width * height) > most:
            best, most = (int(row.region), (round(x0, 4), round(y0, 4), round(x1, 4), round(y1, 4))), shared
    return best


def trace(overlays: pd.DataFrame) -> pd.DataFrame:
    """Return (hold_id, t_s, x, y) of the cursor over every hold; x and y in 0..1 of the frame.

    `overlays` are those of the stage keyframes: hold_id, t_s, x, y, area, changed and the box of each
    overlay. Of the overlays of one moment, one that moves is taken before one that rests, the nearer to where the
    cursor was before the farther; an overlay that never moved is part of a drawing, not a cursor.
    """
    rows = []
    for hold_id, own in overlays.groupby("hold_id", sort=True):
        last: tuple[float, float, float] | None = None
        for time, seen in own.groupby("t_s", sort=True):
            place = _choose(seen[["x", "y", "changed"]].to_numpy(), last, float(time))
            if place is not None:
                last = (float(time), *place)
                rows.append((hold_id, round(float(time), 3), *(round(v, 4) for v in place)))
    return TRACE.frame(rows)


def _choose(
    seen: NDArray[np.float32], last: tuple[float, float, float] | None, time: float
) -> tuple[float, float] | None:
    """The place (x, y) of the cursor among the overlays (x, y, changed) of one moment, or None."""
    moving = seen[seen[:, 2] >= MOVED]
    if last is None or time - last[0] > FORGET_S:
        return (float(moving[0, 0]), float(moving[0, 1])) if len(moving) else None
    candidates = moving if len(moving) else seen
    distance = np.hypot(candidates[:, 0] - last[1], candidates[:, 1] - last[2])
    best = int(distance.argmin())
    if not len(moving) and distance[best] > MAX_RESTING_DISTANCE:
        return None
    return float(candidates[best, 0]), float(candidates[best, 1])


def box(points: pd.DataFrame) -> Sides:
    """Return the bounding box (x0, y0, x1, y1) of a gesture, outliers beyond 1.5 interquartile ranges left out
    (Quilt-LLaVA)."""
    sides = []
    for values in (points.x.to_numpy(), points.y.to_numpy()):
        low, high = np.percentile(values, [25, 75])
        reach = 1.5 * (high - low)
        kept = values[(values >= low - reach) & (values <= high + reach)]
        sides.append((round(float(kept.min()), 4), round(float(kept.max()), 4)))
    (x0, x1), (y0, y1) = sides
    return x0, y0, x1, y1
