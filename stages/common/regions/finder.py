"""Regions: the rectangles of a lecture frame or figure that show tissue (a pathology region, the tissue area)."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Picture
from stages.common.regions.boxes import Box
from stages.common.regions.edges import Lines
from stages.common.regions.insets import insets
from stages.common.regions.scene import Scene

LEAST_AREA = 0.01  # of the picture: smaller regions are icons
LEAST_SIDE = 0.12  # of the picture's short side: narrower ones are bars
LEAST_CONTENT = 0.15  # mean weight of a region, its glass left out: half of what the barest of 260 drawn sections has
LEAST_TISSUE = 0.03  # share of a region that is coloured texture; the rest may be glass
MOST = 16  # regions of one picture
DIVIDES = 0.95  # share of a region's span that a dividing line runs along an edge or through what is bare
EDGED = 0.4  # share of it that must be an edge
WINDOW = 0.35  # of a region: a framed part so large is a window of its own
LOSS = 0.1  # share of a region that may be cut off with an inset; of more the inset is left in and named


@dataclass(frozen=True)
class Region:
    """A rectangle of tissue, and the boxes in it, in the frame's pixels too, that show something else."""

    box: Box
    insets: tuple[Box, ...] = ()


def tissue_regions(image: Picture, masked: list[Box] | None = None) -> list[Region]:
    """The rectangles of an RGB `image` that show tissue, the largest first.

    What lies in `masked` counts for nothing; where it overlaps a region it is one of its insets.
    """
    scene = Scene(image, masked or [])
    back = 1 / scene.scale
    frame = Box(0, 0, image.shape[1], image.shape[0])
    found = []
    for box, inner in _regions(scene, scene.whole):
        whole = box.scaled(back, back).common(frame)
        found.append(_without(whole, [*(masked or []), *(inset.scaled(back, back) for inset in inner)]))
    return sorted(found, key=lambda region: (-region.box.area, region.box))


def _without(box: Box, covered: list[Box]) -> Region:
    """`box` without the insets at its sides, where that loses little."""
    kept, left = box, []
    for inset in covered:
        own = inset.common(kept)
        if not own.area:
            continue
        rest = max(_beside(kept, own), key=lambda part: part.area)
        if rest.area >= (1 - LOSS) * box.area:
            kept = rest
        else:
            left.append(inset)
    return Region(kept, tuple(sorted(inset.common(kept) for inset in left if inset.common(kept).area)))


def _beside(box: Box, inset: Box) -> list[Box]:
    """The largest rectangles of `box` on each side of `inset`."""
    return [
        box._replace(right=inset.left),
        box._replace(left=inset.right),
        box._replace(bottom=inset.top),
        box._replace(top=inset.bottom),
    ]


def _regions(scene: Scene, inside: Box) -> Iterator[tuple[Box, list[Box]]]:
    """Take the best rectangle, again and again; one with lines through it or a window on it is divided there."""
    for _ in range(MOST):
        own = scene.weights[scene.small(inside).slices]
        if np.maximum(own, 0).sum() < LEAST_CONTENT * LEAST_AREA * scene.weights.size:
            return
        box, score = scene.best(inside)
        if score <= 0:
            return
        parts = _divided(scene, box)
        inner = insets(scene, box) if len(parts) == 1 else []
        if windows := [inset for inset in inner if inset.area > WINDOW * box.area]:
            parts = [inside, *windows]
            box = windows[0]
        if len(parts) > 1:
            for part in parts[1:] if windows else parts:
                yield from _regions(scene, part)
        elif _large(scene, box):
            for inset in inner:
                scene.mask(inset)
            box = scene.best(box)[0] if inner else box
            mean, tissue = scene.content(box)
            if mean >= LEAST_CONTENT and tissue >= LEAST_TISSUE:
                yield box, inner
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
        return [Box(a, box.top, b, box.bottom) for a, b in itertools.pairwise(edges)]
    rows = _dividing(level, box.top, box.bottom, (box.left, box.right), small)
    edges = [box.top, *rows, box.bottom]
    return [Box(box.left, a, box.right, b) for a, b in itertools.pairwise(edges)]


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
