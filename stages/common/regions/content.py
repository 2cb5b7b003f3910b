"""How much each pixel speaks for tissue: coloured texture does, flat colour and line art do not."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey, Picture

LONG_SIDE = 640  # pixels of the picture that is looked at
CHROMA = 12  # levels between a pixel's largest and smallest colour from which it is coloured
BRIGHT = 205  # level of the darkest colour from which a pixel may be glass
CALM = 2  # levels by which flat pixels differ at most from those beside them
SOLID = 9  # pixels across a flat patch; smaller ones are in every tissue
CROWD = 15  # pixels across the neighbourhood in which the strokes of letters and icons are counted
STROKE = 110  # levels between neighbours from which they lie on a stroke: lenses and scanners blur more than that
WRITTEN = 0.25  # share of a neighbourhood that is strokes, from which it is line art; more where it is coloured
INKY = 1.5  # levels of chroma that make up for so many of strokes: tissue of low power is rich in both
AROUND = 21  # pixels across the neighbourhood whose middle level is its ground
GROUND, LIKE, MOSTLY = 80, 10, 0.62  # levels of a stroke on it; levels and share of pixels that are like it
SOME = 0.1  # share of strokes from which letters stand on a ground
TISSUE, GLASS, CHROME, INK = 1.0, -0.03, -0.7, -0.3


def weights(image: Picture) -> NDArray[np.float32]:
    """A weight a pixel of `image` (RGB, at most LONG_SIDE): positive for tissue, about 0 for glass, else negative."""
    red, green, blue = cv2.split(image)
    high, low = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    chroma = cv2.subtract(high, low)
    coloured = _above(cv2.blur(chroma, (5, 5)), CHROMA - 1)
    bright = _above(low, BRIGHT - 1)
    near = np.ones((3, 3), np.uint8)
    spread = cv2.subtract(cv2.dilate(image, near), cv2.erode(image, near))
    steps = cv2.max(cv2.max(spread[..., 0], spread[..., 1]), spread[..., 2])
    flat = cv2.morphologyEx(255 - _above(steps, CALM), cv2.MORPH_OPEN, np.ones((SOLID, SOLID), np.uint8))
    dull = cv2.dilate(cv2.subtract(flat, bright), np.ones((SOLID, SOLID), np.uint8))
    strokes, hues = (cv2.blur(one, (CROWD, CROWD)) for one in (_above(steps, STROKE), chroma))
    written = _above(cv2.addWeighted(strokes, 1, hues, -INKY, 0), WRITTEN * 255)
    written |= _on_one_ground(green, steps)
    kinds = np.full(coloured.shape, INK, np.float32)
    kinds[bright > 0] = GLASS
    kinds[(coloured > 0) & ((flat & bright) == 0)] = TISSUE
    kinds[(dull | written) > 0] = CHROME
    return kinds


def _on_one_ground(green: Grey, steps: Grey) -> Grey:
    """255 where strokes stand on a ground of one dull colour, whatever it is: letters, not tissue."""
    ground = cv2.medianBlur(green, AROUND)
    like = cv2.blur(255 - _above(cv2.absdiff(green, ground), LIKE), (AROUND, AROUND))
    strokes = cv2.blur(_above(steps, GROUND), (CROWD, CROWD))
    dull = 255 - _above(ground, BRIGHT - 1)
    return _above(like, MOSTLY * 255) & _above(strokes, SOME * 255) & dull


def _above(values: Grey, level: float) -> Grey:
    """255 where a value is above `level`, else 0."""
    return cv2.threshold(values, level, 255, cv2.THRESH_BINARY)[1]
