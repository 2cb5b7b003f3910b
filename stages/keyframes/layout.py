"""The layout of a screen: where it shows tissue, in blocks of the grid that movements are measured on, from view to
view."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey, Picture
from stages.common.regions.boxes import Box
from stages.common.regions.content import TISSUE, weights
from stages.common.regions.finder import Region, tissue_regions
from stages.keyframes.motion import Chosen, blocks_of
from stages.keyframes.reader import upright_box

Mask = NDArray[np.bool_]

SHOWN, INSIDE = 0.3, 0.5  # of a block: so much tissue must be in it for it to count, so much of a region
LEVELS = 16  # grey levels by which a pixel outside the regions changes
SAME = 0.02  # share of these pixels that may change on the same screen


@dataclass
class Layout:
    """Show it a picture of each view; get the blocks of each region of the screen, and those that show tissue.

    Tool bars, navigators and what moves all the time are no part of a region. Where the view before showed tissue the
    next may do so, though this one is bare. While the screen around the regions stays the same, so do they.
    """

    new: bool = False  # whether the latest view showed another screen than the one before
    _masks: list[Mask] = field(default_factory=list)  # the pixels of each region, of the grey frames
    _moving: int = 0  # areas that moved when they were found
    _grey: Grey | None = None  # of that time
    _outside: Grey | None = None  # 255 where neither a region is nor what moved
    _before: Chosen | None = None  # blocks that showed tissue in the view before

    def look(self, picture: Picture, grey: Grey, rotation: int, moving: list[Box]) -> tuple[list[Chosen], Chosen]:
        """The blocks of each region, and those of tissue, in a view: its `picture`, upright, and its `grey` frame, as
        stored, which is turned by `rotation`.

        `moving` are areas of the grey frame that move all the time.
        """
        size, turns = (grey.shape[1], grey.shape[0]), round(rotation / 90)
        self.new = not self.stays(grey)
        if self.new or len(moving) != self._moving:
            upright = [upright_box(area, size, rotation) for area in moving]
            scale = max(picture.shape[:2]) / max(size)
            regions = tissue_regions(picture, [area.scaled(scale, scale) for area in upright])
            masks = [_mask(region, picture.shape[:2], 1 / scale) for region in regions]
            self._masks = [np.rot90(mask, -turns) for mask in masks]
            self._outside = np.full(grey.shape, 255, np.uint8)
            for mask in self._masks:
                self._outside[mask] = 0
            for area in moving:
                self._outside[area.slices] = 0
            self._grey, self._moving, self._before = grey, len(moving), None
        small = cv2.resize(picture, size if turns % 2 == 0 else size[::-1], interpolation=cv2.INTER_AREA)
        masks = self._masks or [np.ones(grey.shape, bool)]
        blocks = blocks_of(np.rot90(weights(small) == TISSUE, -turns) & np.logical_or.reduce(masks), SHOWN)
        seen = blocks if self._before is None else blocks | self._before
        self._before = blocks
        return [blocks_of(mask, INSIDE) for mask in masks], seen

    def stays(self, grey: Grey) -> bool:
        """Whether what lies around the regions is, in a grey frame, what it was when they were found."""
        if self._grey is None or self._outside is None:
            return False
        changed = cv2.threshold(cv2.absdiff(grey, self._grey), LEVELS, 255, cv2.THRESH_BINARY)[1] & self._outside
        return cv2.countNonZero(changed) <= SAME * cv2.countNonZero(self._outside)


def _mask(region: Region, shape: tuple[int, ...], scale: float) -> Mask:
    """The pixels of a region without its insets, in a picture so many times as large as the one of this shape."""
    mask = np.zeros((round(shape[0] * scale), round(shape[1] * scale)), bool)
    mask[region.box.scaled(scale, scale).slices] = True
    for inset in region.insets:
        mask[inset.scaled(scale, scale).slices] = False
    return mask
