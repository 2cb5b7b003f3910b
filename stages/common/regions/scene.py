"""A picture, prepared so that rectangles on it are judged cheaply."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Picture
from stages.common.regions.boxes import Box
from stages.common.regions.content import GLASS, LONG_SIDE, TISSUE, weights
from stages.common.regions.edges import LevelEdges, Lines

FINEST = 1920  # pixels of the long side at which edges are looked for
SHORTEST = 0.08  # of a rectangle's side: shorter edges bound nothing in it
OPEN = 25.0  # pixels of the small picture that a side without an edge costs, for each along its length
PATCH = 9  # pixels of the small picture between two pieces of one tissue


class Scene:
    """Rectangles are compared by the sum of their weights and by how much of their sides runs along straight edges."""

    def __init__(self, image: Picture, masked: list[Box]) -> None:
        self.scale = min(1.0, FINEST / max(image.shape[:2]))
        image = _shrunk(image, self.scale)
        self.whole = Box(0, 0, image.shape[1], image.shape[0])
        self.green = np.ascontiguousarray(image[..., 1])  # where stains are darkest
        self.level, self.upright = LevelEdges(self.green), LevelEdges(cv2.transpose(self.green))
        small = _shrunk(image, LONG_SIDE / max(image.shape[:2]))
        self.across, self.down = small.shape[1] / self.whole.width, small.shape[0] / self.whole.height
        self.weights = weights(small)
        for box in masked:
            self.weights[box.scaled(self.scale, self.scale).scaled(self.across, self.down).slices] = 0.0

    def small(self, box: Box) -> Box:
        """`box` in the small picture, to which the weights belong."""
        return box.scaled(self.across, self.down)

    def content(self, box: Box) -> float:
        """Mean weight of a rectangle, its glass left out."""
        own = self.weights[self.small(box).slices]
        own = own[own != GLASS]
        return float(own.mean()) if own.size else 0.0

    def lines(self, inside: Box) -> tuple[Lines, Lines]:
        """Upright and level lines within `inside`; tissue that no edge bounds has lines of its own."""
        patches = self._patches(inside)
        xs = [x for patch in patches for x in (patch.left, patch.right)]
        ys = [y for patch in patches for y in (patch.top, patch.bottom)]
        turned = Box(inside.top, inside.left, inside.bottom, inside.right)
        return self.upright.lines(turned, SHORTEST, xs), self.level.lines(inside, SHORTEST, ys)

    def _patches(self, inside: Box) -> list[Box]:
        """Boxes around the largest pieces of coloured texture."""
        small = self.small(inside)
        own = (self.weights[small.slices] == TISSUE).astype(np.uint8)
        joined = cv2.morphologyEx(own, cv2.MORPH_CLOSE, np.ones((PATCH, PATCH), np.uint8))
        joined = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((PATCH, PATCH), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(joined)
        large = sorted(stats[1:].tolist(), key=lambda row: -row[cv2.CC_STAT_AREA])[:3]
        boxes = (Box(x + small.left, y + small.top, x + w + small.left, y + h + small.top) for x, y, w, h, _ in large)
        return [box.scaled(1 / self.across, 1 / self.down).common(inside) for box in boxes]

    def best(self, inside: Box) -> tuple[Box, float]:
        """The rectangle within `inside` for which weights and edges speak most, and how much they do."""
        upright, level = self.lines(inside)
        lefts, rights = np.triu_indices(len(upright.at), 1)
        tops, bottoms = np.triu_indices(len(level.at), 1)
        sums = self._sums(upright.at, level.at)
        across = sums[:, rights] - sums[:, lefts]
        score = across[bottoms] - across[tops]
        tall, wide = upright.before(level.at).T * self.down, level.before(upright.at) * self.across
        height = (level.at[bottoms] - level.at[tops]) * self.down
        width = (upright.at[rights] - upright.at[lefts]) * self.across
        score -= OPEN * 2 * (height[:, None] + width)
        sides = tall[:, lefts] + tall[:, rights]
        score += OPEN * (sides[bottoms] - sides[tops])
        ends = wide[:, rights] - wide[:, lefts]
        score += OPEN * (ends[bottoms] + ends[tops])
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        corners = upright.at[lefts[column]], level.at[tops[row]], upright.at[rights[column]], level.at[bottoms[row]]
        return Box(*(int(corner) for corner in corners)), float(score[row, column])

    def _sums(self, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Sum of the weights above and left of each crossing of `rows` and `columns`."""
        integral = cv2.integral(self.weights)
        x, y = (columns * self.across).astype(np.float32), (rows * self.down).astype(np.float32)
        grid = np.meshgrid(x, y)
        return cv2.remap(integral.astype(np.float32), *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _shrunk(image: Picture, scale: float) -> Picture:
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
