"""Augmentation: variations of a frame, another part of it, mirrored, in other stains."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

STAIN, LIGHT = 0.4, 0.15  # deviation of the log strength per colour: of a stain, and of a camera's colours
SMALLEST = 0.5  # share of the sides that a part has at least


def vary(image: Picture, histology: bool, rng: np.random.Generator) -> Picture:
    """Return a random part of `image`, mirrored, each colour's optical density stronger or weaker.

    Stains differ between laboratories far more than the colours of photographs do, so `histology` varies more: that is
    what lets a filter that has seen haematoxylin and eosin know tissue in brown.
    """
    height, width = image.shape[:2]
    share = rng.uniform(SMALLEST, 1.0)
    down, across = int(height * share), int(width * share)
    top, left = int(rng.integers(height - down + 1)), int(rng.integers(width - across + 1))
    part = image[top : top + down, left : left + across]
    part = part[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    strength = np.exp(rng.normal(0, STAIN if histology else LIGHT, 3))
    levels = (np.arange(256)[:, None] + 1) / 256
    table = np.clip(256 * levels**strength - 1, 0, 255).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(part), np.ascontiguousarray(table[None]))
