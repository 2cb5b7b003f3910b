"""A cursor that rests through most of a hold is in the median of its frames: it is taken out where a frame shows the
place without it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Picture

Mask = NDArray[np.uint8]
Channel = TypeVar("Channel", np.uint8, np.float32)

SMALLEST, LARGEST = 10, 0.02  # pixels that a cursor covers at least, share of the picture at most
CROWD = 12  # more places than this in one frame are noise
OUTLINED = 1.5  # times the edges along a place's outline that the other picture has there: this one shows the cursor
SAME = 0.6  # overlap of two places, in different frames, from which they are one
MARGIN = 2  # small pixels around a place, for a cursor's shadow


def without_resting_cursor(
    clean: Picture, small: Sequence[Picture], full: Callable[[int], Picture], threshold: int
) -> Picture:
    """Return `clean`, the median of a hold's frames, without the cursor that rests in it.

    `small` are frames of the hold, shrunk; `full` gives one by its number, as large as `clean`. A small place where
    a frame differs from the median by more than `threshold` levels shows a cursor in one of the two: in that which has
    edges along the outline of the place.
    """
    across, down = small[0].shape[1], small[0].shape[0]
    median = cv2.resize(clean, (across, down), interpolation=cv2.INTER_AREA)
    level, smooth = _level(median), cv2.blur(median, (3, 3))  # noise is finer than a cursor
    found: list[tuple[Mask, list[int]]] = []
    for number, frame in enumerate(small):
        bright = cv2.convertScaleAbs(frame, alpha=level / max(1.0, _level(frame)))
        for place in _places(cv2.absdiff(cv2.blur(bright, (3, 3)), smooth), threshold):
            if _edges(median, place) <= OUTLINED * _edges(frame, place):
                continue
            same = [numbers for other, numbers in found if _overlap(place, other) >= SAME]
            if same:
                same[0].append(number)
            else:
                found.append((place, [number]))
    result = clean.copy() if found else clean
    for place, numbers in found:
        grown = cv2.dilate(place, np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8))
        mask = cv2.resize(grown, (clean.shape[1], clean.shape[0]), interpolation=cv2.INTER_NEAREST) > 0
        behind = np.median([full(number)[mask] for number in numbers], axis=0)
        result[mask] = behind.astype(np.uint8)
    return result


def _places(difference: Picture, threshold: int) -> Iterator[Mask]:
    """The small places where two pictures differ."""
    over = cv2.threshold(_strongest(difference), threshold, 1, cv2.THRESH_BINARY)[1]
    mask = cv2.morphologyEx(over, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    left, top, wide, high = cv2.boundingRect(mask)
    if not wide:
        return
    part = slice(top, top + high), slice(left, left + wide)  # most of a mask is empty
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask[part])
    numbers = [n for n in range(1, len(stats)) if stats[n, cv2.CC_STAT_AREA] >= SMALLEST]
    for number in numbers if len(numbers) <= CROWD else []:
        if stats[number, cv2.CC_STAT_AREA] <= LARGEST * mask.size:
            place = np.zeros_like(mask)
            place[part] = labels == number
            yield place


def _level(picture: Picture) -> float:
    """Mean brightness."""
    return float(cv2.mean(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))[0])


def _edges(picture: Picture, place: Mask) -> float:
    """How strong the edges of `picture` are along the outline of a place."""
    left, top, wide, high = cv2.boundingRect(place)
    part = slice(max(0, top - 2), top + high + 2), slice(max(0, left - 2), left + wide + 2)
    outline = cv2.morphologyEx(place[part], cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    across, down = (cv2.Sobel(picture[part], cv2.CV_32F, *order, ksize=1) for order in ((1, 0), (0, 1)))
    return float(_strongest(cv2.magnitude(across, down))[outline].mean())


def _strongest(channels: NDArray[Channel]) -> NDArray[Channel]:
    """The largest of the three channels of each pixel."""
    red, green, blue = cv2.split(channels)
    return cv2.max(cv2.max(red, green), blue)


def _overlap(a: Mask, b: Mask) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())
