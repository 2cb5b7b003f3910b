"""Gestures in a cursor's path: where it circles something or goes over it, told from its ways and rests between."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Places = NDArray[np.float64]

REST_S = 0.6  # seconds; a cursor that stays for so long rests
STILL = 0.01  # of the frame: as far as a cursor at rest moves
CLOSED = 0.2  # of its extent: as near as a loop's end is to its beginning
LOOP_S = 10.0  # seconds that a loop takes at most
LEAST = 0.05  # of the frame: smallest extent of a loop
STRAIGHT = 0.8  # share of a path's length that is the distance between its ends: it is a way
ALMOST, AFAR = 0.95, 0.08  # that share, and the length in frames, of the part of a path that is the way to the rest
AT_ONCE_S, SAME, BESIDE = 0.6, 0.7, 0.75  # two parts of one gesture: seconds between, overlap one way, gap the other


def gestures(points: pd.DataFrame, max_gap_s: float, max_extent: float, min_gesture_s: float) -> Iterator[pd.DataFrame]:
    """Yield the gestures in one hold's path (t_s, x, y), in time order.

    The path is split where the cursor is unseen for longer than `max_gap_s`, and where it rests. In each part a gesture
    is where the path comes back to itself, within a diagonal of `max_extent` of the frame; what is left before, between
    and after such loops, or of a part without one, is a gesture when it turns, and the cursor's way when it is
    straight. Strokes to and fro, side by side, are one gesture. Gestures shorter than `min_gesture_s` are dropped.
    """
    for _, piece in points.groupby((points.t_s.diff() > max_gap_s).cumsum()):
        places, times = piece[["x", "y"]].to_numpy(), piece.t_s.to_numpy()
        for first, last in _moving(places, times):
            for begin, end in _turning(places[first:last], times[first:last], max_extent):
                if times[first + end - 1] - times[first + begin] >= min_gesture_s:
                    yield piece.iloc[first + begin : first + end]


def _moving(places: Places, times: Places) -> Iterator[tuple[int, int]]:
    """First and last + 1 of each part of the path between rests."""
    resting = np.zeros(len(places), bool)
    last = 0
    for first in range(len(places)):
        last = max(last, first)
        while last + 1 < len(places) and np.ptp(places[first : last + 2], axis=0).max() <= STILL:
            last += 1
        if times[last] - times[first] >= REST_S:
            resting[first : last + 1] = True
    for first, last in _runs(~resting):  # where it rests it begins and ends
        yield max(0, first - 1), min(len(places), last + 1)


def _turning(places: Places, times: Places, max_extent: float) -> Iterator[tuple[int, int]]:
    """First and last + 1 of each gesture in a part of the path without rests."""
    spans: list[tuple[int, int]] = []
    for first, last in _loops(places, times, max_extent):
        if spans and first < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(last + 1, spans[-1][1]))
        else:
            spans.append((first, last + 1))
    looped = np.zeros(len(places), bool)
    for number, span in enumerate(spans):
        spans[number] = _without_ways(places, *span)
        looped[slice(*span)] = True
    for first, last in _runs(~looped):
        begin, end = first + _way(places[first:last]), last - _way(places[first:last][::-1])
        part = places[begin:end]
        if len(part) > 2 and _straightness(part) < STRAIGHT and LEAST <= _extent(part) <= max_extent:
            spans.append((begin, end))
    yield from _joined(sorted(spans), places, times, max_extent)


def _joined(
    spans: list[tuple[int, int]], places: Places, times: Places, max_extent: float
) -> Iterator[tuple[int, int]]:
    """The spans, those as one that follow each other at once over one stretch, across or down: strokes to and fro."""
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined:
            begin, end = joined[-1]
            at_once = times[first] - times[end - 1] <= AT_ONCE_S
            if at_once and _extent(places[begin:last]) <= max_extent and _beside(places[begin:end], places[first:last]):
                joined[-1] = begin, last
                continue
        joined.append((first, last))
    yield from joined


def _beside(one: Places, other: Places) -> bool:
    """Whether the boxes around two parts of a path cover one stretch across and nearly touch down, or the other way
    round."""
    low, high = (np.stack([side(part, axis=0) for part in (one, other)]) for side in (np.min, np.max))
    common, sizes = high.min(axis=0) - low.max(axis=0), high - low
    same, near = common >= SAME * sizes.min(axis=0), common >= -BESIDE * sizes.max(axis=0)
    return bool((same[0] and near[1]) or (same[1] and near[0]))


def _loops(places: Places, times: Places, max_extent: float) -> Iterator[tuple[int, int]]:
    """First and last of each loop that has none in it that is much shorter."""
    found: list[tuple[int, int]] = []
    for first in range(len(places)):
        path = places[first : np.searchsorted(times, times[first] + LOOP_S)]
        low, high = np.minimum.accumulate(path, axis=0), np.maximum.accumulate(path, axis=0)
        extents = np.linalg.norm(high - low, axis=1)
        gaps = np.linalg.norm(path - path[0], axis=1)
        ends = np.nonzero((extents >= LEAST) & (extents <= max_extent) & (gaps <= CLOSED * extents))[0]
        if len(ends):
            found.append((first, first + int(ends[0])))
    for number, (first, last) in enumerate(found):
        later = found[number + 1 : number + 1 + last - first]
        if not any(end <= last and 2 * (end - begin) < last - first for begin, end in later):
            yield first, last


def _without_ways(places: Places, first: int, last: int) -> tuple[int, int]:
    """First and last + 1 of a stretch without the points at its ends that lead out of the box of those between."""
    first += _leading_out(places[first:last])
    return first, last - _leading_out(places[first:last][::-1])


def _leading_out(places: Places) -> int:
    """How many of the first places each lie outside the box of all later ones; a cursor may stand there for a while."""
    count = 0
    while count < len(places) - 2:
        there = np.linalg.norm(places[count:] - places[count], axis=1) <= STILL
        stays = len(there) if there.all() else int(there.argmin())
        if count + stays > len(places) - 2 or not _outside(places[count], places[count + stays :]):
            return count
        count += stays
    return count


def _way(places: Places) -> int:
    """How many of the first places lead straight into the box of all later ones, from afar."""
    count = _leading_out(places)
    while count and _straightness(places[: count + 1]) < ALMOST:
        count -= 1
    return count if np.linalg.norm(places[count] - places[0]) >= AFAR else 0


def _straightness(places: Places) -> float:
    """Share of a path's length that is the distance between its ends."""
    length = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    return float(np.linalg.norm(places[-1] - places[0])) / max(length, 1e-9)


def _outside(place: Places, others: Places) -> bool:
    low, high = others.min(axis=0), others.max(axis=0)
    return bool(np.maximum(low - place, place - high).max() > STILL)


def _runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last + 1 of each run of true values."""
    edges = np.nonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))[0]
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _extent(places: Places) -> float:
    """Diagonal of the box around places."""
    return float(np.linalg.norm(np.ptp(places, axis=0)))
