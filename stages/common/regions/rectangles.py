"""All rectangles between the straight lines of a scene, compared at once."""

import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Floats
from stages.common.regions.boxes import Box
from stages.common.regions.scene import Scene

OPEN = 50.0  # pixels of the small picture that a side without an edge costs, for each along its length


class Rectangles:
    """Every pair of upright lines (columns of the arrays below) with every pair of level ones (rows).

    With `bounds` those of the tissue count as lines. `width` and `height` in pixels; `left`, `right`, `top` and `bottom`: pixels of each side that are an edge.
    """

    def __init__(self, scene: Scene, inside: Box, bounds: bool = False) -> None:
        self._scene = scene
        upright, level = scene.lines(inside, bounds)
        self._xs, self._ys = upright.at, level.at
        self._lefts, self._rights = np.triu_indices(len(self._xs), 1)
        self._tops, self._bottoms = np.triu_indices(len(self._ys), 1)
        self.width = (self._xs[self._rights] - self._xs[self._lefts])[None]
        self.height = (self._ys[self._bottoms] - self._ys[self._tops])[:, None]
        tall = upright.before(self._ys).T
        tall = tall[self._bottoms] - tall[self._tops]
        wide = level.before(self._xs)
        wide = wide[:, self._rights] - wide[:, self._lefts]
        self.left, self.right = tall[:, self._lefts], tall[:, self._rights]
        self.top, self.bottom = wide[self._tops], wide[self._bottoms]

    def box(self, row: int, column: int) -> Box:
        """The rectangle at a place of the arrays."""
        corners = (self._xs[self._lefts[column]], self._ys[self._tops[row]])
        return Box(*map(int, corners), int(self._xs[self._rights[column]]), int(self._ys[self._bottoms[row]]))

    def best(self) -> tuple[Box, float]:
        """The rectangle for which weights and edges speak most, and how much they do."""
        sums = self._scene.sums(self._xs, self._ys)
        across = sums[:, self._rights] - sums[:, self._lefts]
        content = across[self._bottoms] - across[self._tops]
        bare = (2 * self.height - self.left - self.right) * self._scene.down
        bare = bare + (2 * self.width - self.top - self.bottom) * self._scene.across
        score = content - OPEN * bare
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        return self.box(int(row), int(column)), float(score[row, column])

    def framed(self, support: float) -> list[Box]:
        """Those with at least so much of every side an edge, the largest first."""
        sides: list[Floats] = [self.left / self.height, self.right / self.height]
        sides += [self.top / self.width, self.bottom / self.width]
        least: NDArray[np.float64] = np.minimum.reduce(sides)
        found = [self.box(row, column) for row, column in np.argwhere(least >= support).tolist()]
        return sorted(found, key=lambda box: (-box.area, box))
