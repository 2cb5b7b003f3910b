"""How sharp an image is and how much of it is bare background."""

import cv2

from stages.common.data.arrays import Picture
from stages.common.data.pictures import shrunk

THINNEST = 3  # pixels: in fewer nothing can be blurred further
LONG_SIDE = 640  # pixels at which sharpness is measured, whatever the video's size
BRIGHT, PALE = 190, 18  # HSV value and saturation, of 255, above and below which a pixel is background


def blur(image: Picture) -> float:
    """Blur of an RGB image, 0 (sharp) to 1: how little it changes when it is blurred further (Crete et al. 2007)."""
    from skimage.measure import blur_effect

    grey = shrunk(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), LONG_SIDE / max(image.shape[:2]))
    return float(blur_effect(grey)) if min(grey.shape) >= THINNEST else 1.0


def background(image: Picture) -> float:
    """Share of an RGB image that is bright and without colour: background, with no tissue on it."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    return float(((hsv[..., 2] >= BRIGHT) & (hsv[..., 1] <= PALE)).mean())
