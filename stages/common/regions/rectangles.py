"""All rectangles between straight lines, compared at once."""

import numpy as np

from stages.common.data.arrays import Floats
from stages.common.regions.boxes import Box
from stages.common.regions.edges import Lines


class Rectangles:
    """Every pair of upright lines, `xs` (columns of the arrays below), with every pair of level ones, `ys` (rows).

    `width` and `height` in pixels; `left`, `right`, `top` and `bottom`: pixels of each side that are an edge.
    """

    def __init__(self, upright: Lines, level: Lines) -> None:
        self.xs, self.ys = upright.at, level.at
        self._lefts, self._rights = np.triu_indices(len(self.xs), 1)
        self._tops, self._bottoms = np.triu_indices(len(self.ys), 1)
        self.width = (self.xs[self._rights] - self.xs[self._lefts])[None]
        self.height = (self.ys[self._bottoms] - self.ys[self._tops])[:, None]
        tall = upright.before(self.ys).T
        tall = tall[self._bottoms] - tall[self._tops]
        wide = level.before(self.xs)
        wide = wide[:, self._rights] - wide[:, self._lefts]
        self.left, self.right = tall[:, self._lefts], tall[:, self._rights]
        self.top, self.bottom = wide[self._tops], wide[self._bottoms]

    def box(self, row: int, column: int) -> Box:
        """The rectangle at a place of the arrays."""
        left, right = int(self.xs[self._lefts[column]]), int(self.xs[self._rights[column]])
        return Box(left, int(self.ys[self._tops[row]]), right, int(self.ys[self._bottoms[row]]))

    def contents(self, sums: Floats) -> Floats:
        """What each holds, where `sums` has the sum above and left of each crossing of `ys` and `xs`."""
        across = sums[:, self._rights] - sums[:, self._lefts]
        return np.asarray(across[self._bottoms] - across[self._tops])

    def framed(self, support: float) -> list[Box]:
        """Those with at least so much of every side an edge, the largest first."""
        upright, level = np.minimum(self.left, self.right), np.minimum(self.top, self.bottom)
        least = np.minimum(upright / self.height, level / self.width)
        found = [self.box(row, column) for row, column in np.argwhere(least >= support).tolist()]
        return sorted(found, key=lambda box: (-box.area, box))
