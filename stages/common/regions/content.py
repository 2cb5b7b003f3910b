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
AROUND = 21  # pixels across the neighbourhood whose middle level is its ground
LIKE, MOSTLY = 10, 0.62  # levels and share of pixels that are like it
CROWD = 15  # pixels across the neighbourhood in which the strokes of letters and icons are counted
STROKE, SOME = 80, 0.1  # levels between neighbours from which they lie on a stroke; share from which it is line art
PALE = 40  # mean levels of chroma of strokes up to which they are ink on a bright ground, not stain on glass
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
    written = _written(green, steps, chroma)
    kinds = np.full(coloured.shape, INK, np.float32)
    kinds[bright > 0] = GLASS
    kinds[(coloured > 0) & ((flat & bright) == 0)] = TISSUE
    kinds[(dull | written) > 0] = CHROME
    return kinds


def _written(green: Grey, steps: Grey, chroma: Grey) -> Grey:
    """255 where sharp strokes stand on a ground of one colour: letters and line art, not tissue.

    On glass tissue is sharp as well, such as fat is, but its strokes have the colour of stain.
    """
    ground = cv2.medianBlur(green, AROUND)
    like = cv2.blur(255 - _above(cv2.absdiff(green, ground), LIKE), (AROUND, AROUND))
    strokes = cv2.blur(_above(steps, STROKE), (CROWD, CROWD))
    pale = cv2.convertScaleAbs(255 - like, alpha=PALE / 255)  # what ink leaves of chroma in so many pixels
    stained = cv2.compare(cv2.blur(chroma, (AROUND, AROUND)), pale, cv2.CMP_GT)
    plain = 255 - (_above(ground, BRIGHT - 1) & stained)
    return _above(like, MOSTLY * 255) & _above(strokes, SOME * 255) & plain


def _above(values: Grey, level: float) -> Grey:
    """255 where a value is above `level`, else 0."""
    return cv2.threshold(values, level, 255, cv2.THRESH_BINARY)[1]
