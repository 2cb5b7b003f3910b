"""Gestures, parts of the cursor's path, and the box around each: a region of interest (ROI)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

HASTE = 3.0
STILL = 0.005  # of the frame: a cursor that rests still trembles by so much


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
    """The stretch without the way to it and from it, where the cursor is HASTE times as fast as it mostly is."""
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
    """Return (x0, y0, x1, y1) around a gesture, outliers beyond 1.5 interquartile ranges left out (Quilt-LLaVA)."""
    sides = []
    for values in (points.x.to_numpy(), points.y.to_numpy()):
        low, high = np.percentile(values, [25, 75])
        reach = 1.5 * (high - low)
        kept = values[(values >= low - reach) & (values <= high + reach)]
        sides.append((round(float(kept.min()), 4), round(float(kept.max()), 4)))
    (x0, x1), (y0, y1) = sides
    return x0, y0, x1, y1
