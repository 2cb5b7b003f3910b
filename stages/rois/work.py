"""One video's cursor trace, its gestures, and the region of interest (ROI) of each."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.tars import read_tar
from stages.common.incremental.runner import Item
from stages.common.tables.keyframes import OVERLAYS, OVERLAYS_MEMBER
from stages.common.tables.rois import BOXES, TRACE
from stages.rois.params import Params

MOVED = 0.1  # share of an overlay's pixels that changed since the picture before: it moves
MAX_RESTING_DISTANCE = 0.05  # of the frame: an overlay that rests is the cursor if that was last seen this close to it
FORGET_S = 3.0  # seconds after which a cursor that went unseen may be anywhere
HASTE = 3.0  # times the usual speed: on its way to a gesture, or from it
STILL = 0.005  # of the frame: even a cursor at rest moves by up to this much


def rois(item: Item, scratch: Path, params: Params) -> None:
    """Write ID.parquet (boxes) and ID.trace.parquet (hold_id, t_s, x, y) below `scratch`."""
    member = read_tar(tar := Path(item.data["keyframes"]), [OVERLAYS_MEMBER])[OVERLAYS_MEMBER]
    points = trace(OVERLAYS.read_bytes(member, f"{tar}#{OVERLAYS_MEMBER}"))
    rows = []
    for hold_id, path in points.groupby("hold_id", sort=True):
        for piece in gestures(path, params.max_gap_s, params.max_extent, params.min_gesture_s):
            x0, y0, x1, y1 = box(piece)
            if params.min_area <= (x1 - x0) * (y1 - y0) <= params.max_area:
                rows.append((hold_id, piece.t_s.iloc[0], piece.t_s.iloc[-1], x0, y0, x1, y1))
    BOXES.write(scratch / f"{item.id}.parquet", BOXES.frame(rows))
    TRACE.write(scratch / f"{item.id}.trace.parquet", points)


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


def gestures(points: pd.DataFrame, max_gap_s: float, max_extent: float, min_gesture_s: float) -> Iterator[pd.DataFrame]:
    """Yield the gestures in one hold's path (t_s, x, y), in time order.

    The path is split where the cursor is unseen for longer than `max_gap_s`, then into stretches whose boxes have a
    diagonal of at most `max_extent` of the frame. Shorter stretches than `min_gesture_s` are dropped.
    """
    for _, piece in points.groupby((points.t_s.diff() > max_gap_s).cumsum()):
        for _, part in piece.groupby(_stretches(piece[["x", "y"]].to_numpy(), max_extent)):
            kept = _settled(part)
            if len(kept) and kept.t_s.iloc[-1] - kept.t_s.iloc[0] >= min_gesture_s:
                yield kept


def _settled(points: pd.DataFrame) -> pd.DataFrame:
    """The stretch without the cursor's way to it and from it, where its speed is over HASTE times the median."""
    steps = np.linalg.norm(np.diff(points[["x", "y"]].to_numpy(), axis=0), axis=1)
    calm = np.nonzero(steps <= HASTE * np.median(steps) + STILL)[0] if len(steps) else steps
    return points.iloc[int(calm[0]) : int(calm[-1]) + 2] if len(calm) else points.iloc[:0]


def _stretches(places: NDArray[np.float64], max_extent: float) -> NDArray[np.int64]:
    """A number for each place, rising with time, the same for those of one stretch.

    Agglomerative clustering of neighbours in time: the two whose common box is smallest are joined first.
    """
    low, high, sizes = places.copy(), places.copy(), np.ones(len(places), np.int64)
    while len(sizes) > 1:
        extents = np.linalg.norm(np.maximum(high[1:], high[:-1]) - np.minimum(low[1:], low[:-1]), axis=1)
        first = int(extents.argmin())
        if extents[first] > max_extent:
            break
        low[first], high[first] = np.minimum(low[first], low[first + 1]), np.maximum(high[first], high[first + 1])
        low, high = np.delete(low, first + 1, axis=0), np.delete(high, first + 1, axis=0)
        sizes[first] += sizes[first + 1]
        sizes = np.delete(sizes, first + 1)
    return np.repeat(np.arange(len(sizes)), sizes)


def box(points: pd.DataFrame) -> tuple[float, float, float, float]:
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
