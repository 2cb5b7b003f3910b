"""Where a screen shows tissue, in blocks of the grid that movements are measured on, from view to view."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Picture
from stages.common.regions.boxes import Box
from stages.common.regions.content import TISSUE, weights
from stages.common.regions.finder import Region, tissue_regions
from stages.keyframes.motion import Chosen, blocks_of

SHOWN, INSIDE = 0.3, 0.5  # of a block: so much tissue must be in it for it to count, so much of a region
LEVELS, SAME = (
    16,
    0.02,
)  # grey levels by which a pixel outside the regions changes, and share of them on the same screen


@dataclass
class Layout:
    """Show it a picture of each view; get the blocks of each region of the screen, and those that show tissue.

    Tool bars, navigators and what moves all the time are no part of a region. Where the view before showed tissue the
    next may do so, though this one is bare. While the screen around the regions stays the same, so do they.
    """

    new: bool = False  # whether the latest view showed another screen than the one before
    _regions: list[Region] = field(default_factory=list)
    _moving: int = 0  # areas that moved when they were found
    _before: Chosen | None = None  # blocks that showed tissue in the view before
    _picture: Picture | None = None

    def look(self, picture: Picture, rotation: int, moving: list[Box]) -> tuple[list[Chosen], Chosen]:
        """The blocks of each region, and those of tissue, in `picture`, upright; blocks are those of the stored frame,
        turned by `rotation`.

        `moving` are areas of the picture that move all the time.
        """
        self.new = self._picture is None or not self._outside_is_same(picture, moving)
        if (self.new or len(moving) != self._moving) and (found := tissue_regions(picture, moving)):
            self._regions, self._picture, self._moving, self._before = found, picture, len(moving), None
        tissue = weights(picture) == TISSUE
        masks = self._masks(tissue.shape) or [np.ones_like(tissue)]
        turned = [np.rot90(mask, -round(rotation / 90)) for mask in (*masks, tissue & np.logical_or.reduce(masks))]
        blocks = blocks_of(turned.pop(), SHOWN)
        seen = blocks if self._before is None else blocks | self._before
        self._before = blocks
        return [blocks_of(mask, INSIDE) for mask in turned], seen

    def _masks(self, shape: tuple[int, ...]) -> list[NDArray[np.bool_]]:
        """The pixels of each region, without its insets."""
        masks = []
        for region in self._regions:
            mask = np.zeros(shape, bool)
            mask[region.box.slices] = True
            for inset in region.insets:
                mask[inset.slices] = False
            masks.append(mask)
        return masks

    def _outside_is_same(self, picture: Picture, moving: list[Box]) -> bool:
        """Whether what lies around the regions is what it was when they were found."""
        assert self._picture is not None
        changed = cv2.absdiff(picture, self._picture).max(axis=2) > LEVELS
        outside = ~np.logical_or.reduce(self._masks(changed.shape))
        for area in moving:
            outside[area.slices] = False
        return float(changed[outside].mean()) <= SAME if outside.any() else True
