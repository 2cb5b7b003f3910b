"""The panels (sub-figures) of a compound figure or a collage."""

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey, Picture
from stages.common.regions.boxes import Box
from stages.common.regions.finder import tissue_regions

LEVELS = 12  # grey levels by which the pixels of a gutter differ at most from its own
PURE = 0.98  # share of a gutter's pixels that do not
GUTTER = 3  # pixels across a gutter
SLIVER = 0.35  # of the panels' middle size: what is narrower is a letter or a legend, no panel
TISSUE = 0.75  # share of the panels' area from which a figure is one of tissue, whose panels need no gutters
DEPTH = 6  # rows of columns of rows of columns ...
SAME_ROW = 0.5  # share of the lower panel's height that overlaps where two stand in one row


def figure_panels(image: Picture) -> list[Box]:
    """The panels of an RGB figure in reading order; one box, most of the figure, where it is not divided."""
    whole = Box(0, 0, image.shape[1], image.shape[0])
    parts = _without_slivers(_parts(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), whole, DEPTH)) or [whole]
    tissue = [region.box for region in tissue_regions(image)]
    of_tissue = sum(one.common(part).area for one in tissue for part in parts) >= TISSUE * sum(p.area for p in parts)
    return reading_order(tissue if of_tissue else parts)


def reading_order(boxes: list[Box]) -> list[Box]:
    """Row by row from the top, each from the left."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: (box.top, box.left)):
        if rows and _same_row(rows[-1][0], box):
            rows[-1].append(box)
        else:
            rows.append([box])
    return [box for row in rows for box in sorted(row)]


def _same_row(one: Box, other: Box) -> bool:
    both = min(one.bottom, other.bottom) - max(one.top, other.top)
    return both >= SAME_ROW * min(one.height, other.height)


def _without_slivers(parts: list[Box]) -> list[Box]:
    if not parts:
        return []
    width, height = (float(np.median([getattr(part, side) for part in parts])) for side in ("width", "height"))
    return [part for part in parts if part.width >= SLIVER * width and part.height >= SLIVER * height]


def _parts(grey: Grey, inside: Box, depth: int) -> list[Box]:
    """What lies between the gutters of `inside`, rows first, then columns, then what lies between theirs."""
    own = grey[inside.slices]
    rows = [Box(inside.left, inside.top + a, inside.right, inside.top + b) for a, b in _bands(own)]
    parts = [
        Box(row.left + a, row.top, row.left + b, row.bottom) for row in rows for a, b in _bands(grey[row.slices].T)
    ]
    if depth == 1 or parts == [inside]:
        return parts
    return list(itertools.chain.from_iterable(_parts(grey, part, depth - 1) for part in parts))


def _bands(grey: Grey) -> list[tuple[int, int]]:
    """First and last row (not included) of what lies between level gutters; narrower ones are bridged."""
    level = np.median(grey, axis=1, keepdims=True)
    gutter = (np.abs(grey - level) <= LEVELS).mean(1) >= PURE
    edges: NDArray[np.int64] = np.flatnonzero(np.diff(np.concatenate([[0], ~gutter, [0]]).astype(np.int8)))
    joined: list[tuple[int, int]] = []
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if joined and begin - joined[-1][1] < GUTTER:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined
