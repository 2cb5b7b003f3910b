"""The rectangles of a lecture frame or figure that show tissue."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Picture
from stages.common.regions.boxes import Box
from stages.common.regions.edges import Lines
from stages.common.regions.scene import Scene

LEAST_AREA = 0.01  # of the picture: smaller regions are icons
LEAST_SIDE = 0.06  # of the picture's short side
LEAST_CONTENT = 0.3  # mean weight of a region, its glass left out
MOST = 16  # regions of one picture
DIVIDES = 0.95  # share of a region's span that a dividing line runs along an edge or through what is bare
EDGED = 0.4  # share of it that must be an edge


def tissue_regions(image: Picture, masked: list[Box] | None = None) -> list[Box]:
    """The rectangles of an RGB `image` that show tissue, the largest first; `masked` ones count for nothing."""
    scene = Scene(image, masked or [])
    frame = Box(0, 0, image.shape[1], image.shape[0])
    found = [box.scaled(1 / scene.scale, 1 / scene.scale).common(frame) for box in _regions(scene, scene.whole)]
    return sorted(found, key=lambda box: (-box.area, box))


def _regions(scene: Scene, inside: Box) -> Iterator[Box]:
    """Take the best rectangle, again and again; one with lines through it is divided there."""
    for _ in range(MOST):
        own = scene.weights[scene.small(inside).slices]
        if np.maximum(own, 0).sum() < LEAST_CONTENT * LEAST_AREA * scene.weights.size:
            return
        box, score = scene.best(inside)
        if score <= 0:
            return
        parts = _divided(scene, box)
        if len(parts) == 1:
            if _large(scene, box) and scene.content(box) >= LEAST_CONTENT:
                yield box
        else:
            for part in parts:
                yield from _regions(scene, part)
        scene.weights[scene.small(box).slices] = -1.0


def _large(scene: Scene, box: Box) -> bool:
    short = min(scene.whole.width, scene.whole.height)
    return box.area >= LEAST_AREA * scene.whole.area and min(box.width, box.height) >= LEAST_SIDE * short


def _divided(scene: Scene, box: Box) -> list[Box]:
    """The parts of `box` between the lines that run through the whole of it, across or down."""
    upright, level = scene.lines(box)
    small = scene.weights[scene.small(box).slices]
    columns = _dividing(upright, box.left, box.right, (box.top, box.bottom), small.T)
    if columns:
        edges = [box.left, *columns, box.right]
        return [Box(a, box.top, b, box.bottom) for a, b in zip(edges, edges[1:], strict=False)]
    rows = _dividing(level, box.top, box.bottom, (box.left, box.right), small)
    edges = [box.top, *rows, box.bottom]
    return [Box(box.left, a, box.right, b) for a, b in zip(edges, edges[1:], strict=False)]


def _dividing(lines: Lines, begin: int, end: int, span: tuple[int, int], weights: NDArray[np.float32]) -> list[int]:
    """The lines strictly between `begin` and `end` that divide; `weights` has a row for each place between them."""
    found = []
    for at, edge in zip(lines.at.tolist(), lines.edge, strict=True):
        if not begin < at < end:
            continue
        own = edge[span[0] : span[1]] > 0
        row = int((at - begin) / (end - begin) * len(weights))
        band = weights[max(0, row - 2) : row + 3].max(0) <= 0
        bare = np.interp(np.linspace(0, len(band) - 1, len(own)), np.arange(len(band)), band) > 0.5
        if own.mean() >= EDGED and (own | bare).mean() >= DIVIDES:
            found.append(at)
    return found
