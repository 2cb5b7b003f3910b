"""Regions cut out of a frame at its own resolution."""

import numpy as np

from stages.common.data.arrays import Picture
from stages.common.regions.finder import Region, tissue_regions


def crop(image: Picture, region: Region) -> Picture:
    """The part of `image` that `region` is; its insets have the middle colour of the rest."""
    part = image[region.box.slices]
    if not region.insets:
        return np.ascontiguousarray(part)
    part = part.copy()
    shown = np.ones(part.shape[:2], bool)
    for inset in region.insets:
        shown[inset.within(region.box).slices] = False
    if shown.any():
        part[~shown] = np.median(part[shown], axis=0)
    return part


def tissue_crops(image: Picture) -> list[Picture]:
    """The regions of tissue in `image`, cut out, the largest first."""
    return [crop(image, region) for region in tissue_regions(image)]
