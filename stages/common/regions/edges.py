"""Long straight edges, upright and level: where one part of a screen ends and another begins."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey
from stages.common.regions.boxes import Box

LENGTH = 0.04  # of the picture's long side: shorter edges are not looked at
STEP = 2  # grey levels by which a step must exceed those beside it
STRAIGHT = 0.7  # share of an edge's pixels that must be such a step
BESIDE = (3, 4)  # pixels to either side at which the picture's own texture is measured
APART = 2  # pixels between two lines, more than
LINES = 22  # lines that are kept, the longest


@dataclass(frozen=True)
class Lines:
    """Places of straight edges along one axis, and how much of each is an edge.

    `at` are rows (or columns), ascending; an edge at `n` parts pixel n - 1 from pixel n. `edge[i]` says of each column
    (or row) that line i crosses whether there is an edge.
    """

    at: NDArray[np.int64]
    edge: NDArray[np.uint8]

    def before(self, crossings: NDArray[np.int64]) -> NDArray[np.float64]:
        """How many edge pixels each line has before each of `crossings`."""
        counts = np.zeros((len(self.at), self.edge.shape[1] + 1))
        np.cumsum(self.edge, 1, out=counts[:, 1:])
        return counts[:, crossings]


class LevelEdges:
    """The level edges of a grey picture; those of its transpose are the upright ones.

    A pixel lies on an edge where the step from the row above exceeds the steps on the calmer of its two sides, as most
    pixels do in a stretch of LENGTH: chrome is calm, and two pictures that touch differ by more than either within.
    """

    def __init__(self, grey: Grey) -> None:
        steps = np.zeros_like(grey)
        cv2.absdiff(grey[1:], grey[:-1], steps[1:])
        length = max(16, round(LENGTH * max(grey.shape)))
        usual = cv2.blur(steps, (length, 1), borderType=cv2.BORDER_REPLICATE)
        calm = cv2.min(_beside(usual, -1), _beside(usual, 1))
        sharp = cv2.compare(steps, cv2.add(calm, STEP), cv2.CMP_GT)
        share = cv2.blur(sharp, (length, 1), borderType=cv2.BORDER_REPLICATE)
        edge = cv2.threshold(share, STRAIGHT * 255, 1, cv2.THRESH_BINARY)[1]
        edge &= cv2.compare(usual, cv2.dilate(usual, np.ones((3, 1), np.uint8)), cv2.CMP_EQ)
        self._thin = cv2.dilate(edge, np.ones((1, length // 2), np.uint8))
        self._edge = cv2.dilate(self._thin, np.ones((3, 1), np.uint8))  # an edge may wander by a pixel
        self._possible = self._edge.copy()

    def cover(self, box: Box) -> None:
        """Something hides what is in `box`: its own edges are none, every line through it may run along one there."""
        frame = Box(0, 0, self._edge.shape[1], self._edge.shape[0])
        for edges in (self._thin, self._edge, self._possible):
            edges[box.grown(APART).common(frame).slices] = 0
        self._possible[box.common(frame).slices] = 1

    def lines(self, inside: Box, shortest: float, more: Iterable[int] = (), hidden: bool = False) -> Lines:
        """The lines within `inside`: those of at least `shortest` of its width, its borders, and `more`.

        Coordinates are those of the whole picture, also along the lines. Borders count as edges, `more` as what they
        are, and what was covered does if `hidden` edges count.
        """
        thin, whole = (_lengths(edge[inside.slices]) for edge in (self._thin, self._edge))
        rows = [inside.top, inside.bottom]
        free = np.ones(len(thin), bool)  # rows that are not too near to one that is kept
        free[: APART + 1] = free[len(free) - APART :] = False
        for row in np.argsort(-thin, kind="stable").tolist():
            if thin[row] == 0 or len(rows) == LINES:
                break
            if whole[row] >= shortest * inside.width and free[row]:
                rows.append(inside.top + row)
                free[max(0, row - APART) : row + APART + 1] = False
        for row in more:
            if min(abs(row - other) for other in rows) > APART:
                rows.append(row)
        at = np.array(sorted(rows))
        edge = (self._possible if hidden else self._edge)[np.minimum(at, len(self._edge) - 1)]
        edge[[0, -1]] = 1
        return Lines(at, edge)


class Edges:
    """The level and the upright edges of a grey picture."""

    def __init__(self, grey: Grey) -> None:
        self._level, self._upright = LevelEdges(grey), LevelEdges(cv2.transpose(grey))

    def cover(self, box: Box) -> None:
        """Something hides what is in `box`."""
        self._level.cover(box)
        self._upright.cover(_turned(box))

    def lines(
        self, inside: Box, shortest: float, xs: Iterable[int] = (), ys: Iterable[int] = (), hidden: bool = False
    ) -> tuple[Lines, Lines]:
        """Upright and level lines within `inside`, as `LevelEdges.lines` finds them."""
        upright = self._upright.lines(_turned(inside), shortest, xs, hidden)
        return upright, self._level.lines(inside, shortest, ys, hidden)


def _turned(box: Box) -> Box:
    """`box` in the transposed picture."""
    return Box(box.top, box.left, box.bottom, box.right)


def _beside(values: Grey, side: int) -> Grey:
    """The larger of the values BESIDE pixels above (-1) or below (1)."""
    near, far = (np.roll(values, -side * distance, 0) for distance in BESIDE)
    return cv2.max(near, far)


def _lengths(edge: Grey) -> NDArray[np.int64]:
    """Pixels of each row that are edge."""
    return cv2.reduce(edge, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0].astype(np.int64)
