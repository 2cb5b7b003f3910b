"""Overlays on the static picture of a hold: the cursor, and annotations while they are drawn."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.arrays import Grey
from stages.common.regions.boxes import Box
from stages.common.regions.moving import MovingAreas, moving_areas
from stages.keyframes.reader import median, upright_point

Mask = NDArray[np.uint8]

COLUMNS = ("t_s", "x", "y", "x0", "y0", "x1", "y1", "area", "changed")
WINDOW_S = 30.0  # seconds of grey pictures that are kept at once
STILLS = 15  # pictures of a window whose median is its static picture
SMALLEST = 10  # pixels of the grey picture that an overlay covers at least; the smallest cursor in full HD covers 14
LARGEST = 0.02  # share of the picture that one overlay can cover
CROWD = 12  # more overlays than this at once are noise, not pointers
CURSOR = 0.09  # of the picture's long side: a longer one is a stroke, and the pen is where it changed
SYMMETRIC = 0.7  # overlap with itself, turned by 180 degrees, from which a cursor points with its centre
EACH = 3  # overlays kept of one picture


@dataclass
class OverlayDetector:
    """Feed the pictures of one static segment; get the overlays on them as a table.

    An overlay, a cursor or an annotation, is a small region that differs by more than `overlay_threshold` levels, in
    brightness or in hue, from everything within a pixel of it in the median picture of its half minute, so that
    trembling edges are none. Source: Quilt-LLaVA (arXiv 2312.04746) subtracts the median frame and thresholds.
    In `moving`, areas that move all the time, there is none.
    """

    overlay_threshold: int
    rotation: int = 0
    moving: MovingAreas = field(default_factory=MovingAreas)
    _window: list[tuple[float, Grey, Grey]] = field(default_factory=list)
    _rows: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, time: float, grey: Grey, hue: Grey) -> None:
        """Take one picture: its brightness, and its hue at the same or a smaller size."""
        if self._window and time - self._window[0][0] > WINDOW_S:
            self.flush()
        self._window.append((time, grey, hue))
        self.moving.add(time, grey)

    def table(self, start: float, end: float) -> pd.DataFrame:
        """Overlays from `start` to `end` seconds, in time order; see `overlays_in` for the columns."""
        self.flush()
        rows = np.concatenate(self._rows) if self._rows else np.zeros((0, len(COLUMNS)), np.float32)
        rows = rows[(rows[:, 0] >= start) & (rows[:, 0] < end)]
        for x, y in ((1, 2), (3, 4), (5, 6)):
            rows[:, x], rows[:, y] = upright_point(rows[:, x], rows[:, y], self.rotation)
        rows[:, 3:7] = np.sort(rows[:, 3:7].reshape(-1, 2, 2), axis=1).reshape(-1, 4)
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def flush(self) -> None:
        """Turn the window into rows and empty it: the next picture is compared with later ones only."""
        if len(self._window) > 2:
            times, *channels = zip(*self._window, strict=True)
            over, moved = ([self._union(masks) for masks in zip(*kind, strict=True)] for kind in self._masks(channels))
            for area in self._moving_areas(channels[0]):
                for mask in over:
                    mask[area.slices] = 0
            for time, mask, change in zip(times, over, moved, strict=True):
                if cv2.countNonZero(mask):
                    self._rows += overlays_in(time, mask, change)
        self._window.clear()

    def _masks(self, channels: list[tuple[Grey, ...]]) -> tuple[list[list[Mask]], list[list[Mask]]]:
        """For each channel, masks of what differs from the static picture, and of what changed since the last one."""
        over: list[list[Mask]] = []
        moved: list[list[Mask]] = []
        for pictures in channels:
            still = median([pictures[i] for i in np.unique(np.linspace(0, len(pictures) - 1, STILLS).astype(int))])
            level, near = cv2.mean(still)[0], np.ones((3, 3), np.uint8)
            before: Grey | None = None
            low, high = cv2.erode(still, near), cv2.dilate(still, near)
            over.append([])
            moved.append([])
            for picture in pictures:  # one at a time, which stays in the cache
                bright = _as_bright(picture, level)
                beyond = cv2.max(cv2.subtract(bright, high), cv2.subtract(low, bright))
                over[-1].append(self._mask(beyond))
                # Without a picture before every overlay is new.
                moved[-1].append(self._mask(beyond if before is None else cv2.absdiff(bright, before)))
                before = bright
        return over, moved

    def _moving_areas(self, greys: tuple[Grey, ...]) -> list[Box]:
        """The areas that move all the time, in pixels of the grey pictures, to their edges."""
        areas = self.moving.boxes()
        middle = greys[len(greys) // 2]
        return moving_areas(areas, middle, (middle.shape[1], middle.shape[0])) if areas else []

    def _mask(self, difference: Grey) -> Mask:
        return cv2.threshold(difference, self.overlay_threshold, 1, cv2.THRESH_BINARY)[1]

    @staticmethod
    def _union(masks: tuple[Mask, ...]) -> Mask:
        """Masks of one picture, of any size, joined at the size of the first."""
        whole = masks[0]
        for mask in masks[1:]:
            if cv2.countNonZero(mask):
                whole = whole | cv2.resize(mask, whole.shape[::-1], interpolation=cv2.INTER_NEAREST)
        return whole


def _as_bright(picture: Grey, level: float) -> Grey:
    """`picture` scaled to a mean of `level`, so that a flickering lamp is not a movement."""
    return cv2.convertScaleAbs(picture, alpha=level / max(1.0, cv2.mean(picture)[0]))


def overlays_in(time: float, mask: Mask, moved: Mask) -> list[NDArray[np.float32]]:
    """Rows of COLUMNS for the overlays in `mask`, those that moved most first, then the largest.

    (x, y) is where an overlay points, (x0, y0, x1, y1) the box around it, both in 0..1 of the picture; `area` is its
    share of the picture, `changed` the share of its pixels that differ from the picture before.
    """
    # Most of a mask is empty: only the box around its pixels is searched.
    left, top, across, down = cv2.boundingRect(mask)
    part = slice(top, top + down), slice(left, left + across)
    own, fresh = (np.ascontiguousarray(whole[part]) for whole in (mask, moved))
    joined = cv2.morphologyEx(own, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    large = [number for number in range(1, len(stats)) if stats[number, cv2.CC_STAT_AREA] >= SMALLEST]
    found = []
    for number in large if len(large) <= CROWD else []:
        x0, y0, wide, high, _ = (int(value) for value in stats[number])
        window = slice(y0, y0 + high), slice(x0, x0 + wide)
        shape = own[window] & (labels[window] == number)
        area = cv2.countNonZero(shape)
        if not SMALLEST <= area <= LARGEST * mask.size:
            continue
        new = shape & fresh[window]
        x, y = _points_at(shape, new, max(wide, high) > CURSOR * max(mask.shape))
        xs, ys = np.array([x0 + x, x0, x0 + wide]) + left, np.array([y0 + y, y0, y0 + high]) + top
        (x, x0, x1), (y, y0, y1) = xs / mask.shape[1], ys / mask.shape[0]
        found.append((time, x, y, x0, y0, x1, y1, area / mask.size, cv2.countNonZero(new) / area))
    found.sort(key=lambda row: (-row[-1] * row[-2], -row[-2]))
    return [np.array([row], np.float32) for row in found[:EACH]]


def _points_at(own: Mask, fresh: Mask, stroke: bool) -> tuple[float, float]:
    """Where in its box an overlay points: a stroke at its new pixels, a cursor with its centre or its upper left."""
    if stroke and fresh.any():
        ys, xs = np.nonzero(fresh)
        return float(xs.mean()), float(ys.mean())
    ys, xs = np.nonzero(own)
    tight = own[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    turned = tight[::-1, ::-1]
    if (tight & turned).sum() >= SYMMETRIC * (tight | turned).sum():
        return float(xs.mean() + 0.5), float(ys.mean() + 0.5)
    return float(xs.min()), float(ys.min())
