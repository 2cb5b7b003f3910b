"""A picture, prepared so that rectangles on it are judged cheaply."""

import cv2
import numpy as np

from stages.common.data.arrays import Floats, Ints, Picture
from stages.common.data.pictures import shrunk
from stages.common.regions.boxes import Box
from stages.common.regions.content import GLASS, LONG_SIDE, TISSUE, weights
from stages.common.regions.edges import Edges, Lines
from stages.common.regions.rectangles import Rectangles

FINEST = 1920  # pixels of the long side at which edges are looked for
SHORTEST = 0.08  # of a rectangle's side: shorter edges bound nothing in it
OPEN = 50.0  # pixels of the small picture that a side without an edge costs, for each along its length
RIM = 2  # pixels of the small picture to which what is beside a rectangle reaches
PATCH = 9  # pixels of the small picture between two pieces of one tissue
PATCHES = 3  # pieces of tissue whose own bounds are tried, the largest


class Scene:
    """A picture's edges, at full size, and its weights, at a small size; boxes are those of the full size."""

    def __init__(self, image: Picture, masked: list[Box]) -> None:
        self.scale = min(1.0, FINEST / max(image.shape[:2]))
        image = shrunk(image, self.scale)
        self.whole = Box(0, 0, image.shape[1], image.shape[0])
        self.edges = Edges(np.ascontiguousarray(image[..., 1]))  # of green, in which stains are darkest
        self.picture = shrunk(image, LONG_SIDE / max(image.shape[:2]))
        self.across = self.picture.shape[1] / self.whole.width
        self.down = self.picture.shape[0] / self.whole.height
        self.weights = weights(self.picture)
        for box in masked:
            self.mask(box.scaled(self.scale, self.scale))

    def mask(self, box: Box) -> None:
        """Let what `box` shows count for nothing, as if edges and tissue might go on behind it."""
        self.weights[self.small(box).slices] = 0.0
        self.edges.cover(box)

    def small(self, box: Box) -> Box:
        """`box` in the small picture, to which the weights belong."""
        return box.scaled(self.across, self.down)

    def content(self, box: Box) -> tuple[float, float]:
        """Mean weight of a rectangle, its glass left out, and the share of it that is tissue; not of its very rim."""
        left, top, right, bottom = self.small(box)
        own = self.weights[top + RIM : bottom - RIM, left + RIM : right - RIM]
        seen = own[own != GLASS]
        return (float(seen.mean()), float((own == TISSUE).mean())) if seen.size else (0.0, 0.0)

    def lines(self, inside: Box, bounds: bool = False) -> tuple[Lines, Lines]:
        """Upright and level lines within `inside`; with the `bounds` of tissue there too, edges or hidden or not."""
        patches = self._patches(inside) if bounds else []
        xs = [x for patch in patches for x in (patch.left, patch.right)]
        ys = [y for patch in patches for y in (patch.top, patch.bottom)]
        return self.edges.lines(inside, SHORTEST, xs, ys, hidden=bounds)

    def best(self, inside: Box) -> tuple[Box, float]:
        """The rectangle within `inside` for which weights and edges speak most, and how much they do."""
        found = Rectangles(*self.lines(inside, bounds=True))
        bare = (2 * found.height - found.left - found.right) * self.down
        bare = bare + (2 * found.width - found.top - found.bottom) * self.across
        score = found.contents(self._sums(found.xs, found.ys)) - OPEN * bare
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        return found.box(int(row), int(column)), float(score[row, column])

    def _sums(self, columns: Ints, rows: Ints) -> Floats:
        """Sum of the weights above and left of each crossing of `rows` and `columns`."""
        grid = np.meshgrid((columns * self.across).astype(np.float32), (rows * self.down).astype(np.float32))
        integral = cv2.integral(self.weights).astype(np.float32)
        sums = cv2.remap(integral, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sums, np.float64)

    def _patches(self, inside: Box) -> list[Box]:
        """Boxes around the largest pieces of coloured texture."""
        small = self.small(inside)
        own = (self.weights[small.slices] == TISSUE).astype(np.uint8)
        joined = cv2.morphologyEx(own, cv2.MORPH_CLOSE, np.ones((PATCH, PATCH), np.uint8))
        joined = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((PATCH, PATCH), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(joined)
        large = sorted(stats[1:].tolist(), key=lambda row: -row[cv2.CC_STAT_AREA])[:PATCHES]
        boxes = (Box(x + small.left, y + small.top, x + w + small.left, y + h + small.top) for x, y, w, h, _ in large)
        return [box.scaled(1 / self.across, 1 / self.down).common(inside) for box in boxes]
