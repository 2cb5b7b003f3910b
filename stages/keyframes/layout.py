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

SHOWN = 0.3  # of a block: so much tissue in it must be for it to count
LEVELS, SAME = (
    16,
    0.02,
)  # grey levels by which a pixel outside the regions changes, and share of them on the same screen


@dataclass
class Layout:
    """Show it a picture of each view; get the blocks that show tissue, of each region of the screen by themselves.

    Tool bars, navigators and what moves all the time are no part of a region. Where the view before showed tissue the
    next may do so, though this one is bare. While the screen around the regions stays the same, so do they.
    """

    new: bool = False  # whether the latest view showed another screen than the one before
    _regions: list[Region] = field(default_factory=list)
    _moving: int = 0  # areas that moved when they were found
    _before: list[Chosen] = field(default_factory=list)  # blocks of the regions in the view before
    _picture: Picture | None = None

    def look(self, picture: Picture, rotation: int, moving: list[Box]) -> list[Chosen]:
        """The blocks of each region in `picture`, upright; blocks are those of the stored frame, turned by `rotation`.

        `moving` are areas of the picture that move all the time.
        """
        same = self._picture is not None and self._outside_is_same(picture, moving)
        self.new = not same
        if (self.new or len(moving) != self._moving) and (found := tissue_regions(picture, moving)):
            self._regions, self._picture, self._moving, self._before = found, picture, len(moving), []
        tissue = weights(picture) == TISSUE
        blocks = [
            blocks_of(np.rot90(tissue & mask, -round(rotation / 90)), SHOWN) for mask in self._masks(tissue.shape)
        ]
        if not blocks:
            return [blocks_of(np.rot90(tissue, -round(rotation / 90)), SHOWN)]
        seen = [own | before for own, before in zip(blocks, self._before, strict=True)] if self._before else blocks
        self._before = blocks
        return seen

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
