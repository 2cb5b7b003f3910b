"""A face detector: the cascades of Haar-like features that OpenCV carries (Viola and Jones 2001)."""

import functools
from typing import Any

import cv2

from stages.common.data.arrays import Grey, Picture
from stages.common.data.pictures import shrunk

CASCADES = ("haarcascade_frontalface_alt2.xml",)
LONG_SIDE = 480  # pixels to which a frame is shrunk: a speaker's face in an eighth of its width is then large enough
SMALLEST = 24  # pixels of a face, those that the cascades have learned from
STEP = 1.2  # between the sizes that are looked for
NEIGHBOURS = 6  # times that a face must be found at places and sizes close together: tissue is now and then found once


def shows_face(image: Picture) -> bool:
    """Whether a recognisable face is seen in an RGB image: at a first look, with half the sizes, and at a second."""
    small = shrunk(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), LONG_SIDE / max(image.shape[:2]))
    return any(
        _found(cascade, small, STEP**2, 1) and _found(cascade, small, STEP, NEIGHBOURS) for cascade in _cascades()
    )


def _found(cascade: Any, grey: Grey, step: float, neighbours: int) -> bool:
    return len(cascade.detectMultiScale(grey, step, neighbours, minSize=(SMALLEST, SMALLEST))) > 0


@functools.cache
def _cascades() -> list[Any]:
    return [cv2.CascadeClassifier(cv2.data.haarcascades + name) for name in CASCADES]
