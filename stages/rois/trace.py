"""The cursor trace, its path over each hold: one overlay of each moment, followed in time."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.tables.rois import TRACE

MOVED = 0.1  # share of an overlay's pixels that changed since the picture before: it moves
NEAR = 0.05  # of the frame: an overlay that rests is the cursor when it was last seen this close
FORGET_S = 3.0  # seconds after which a cursor that went unseen may be anywhere


def trace(overlays: pd.DataFrame) -> pd.DataFrame:
    """Return (hold_id, t_s, x, y) of the cursor over every hold; x and y in 0..1 of the frame.

    `overlays` are those of the stage keyframes: hold_id, t_s, x, y, area, changed and the box of each
    overlay. Of the overlays of one moment, one that moves is taken before one that rests, the nearer to where the
    cursor was before the farther; what only rests and was never seen to move is part of a drawing, not a cursor.
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
    if not len(moving) and distance[best] > NEAR:
        return None
    return float(candidates[best, 0]), float(candidates[best, 1])
