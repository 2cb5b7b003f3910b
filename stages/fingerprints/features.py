"""Local features as visual words: by a few of them a copy is found that was cut, turned, framed or put in a figure.

A feature is a place in the picture with a size and an angle, and a word: the signs of harmonics of what surrounds it.
There are two kinds, which have nothing in common: blobs, described by their gradients (SIFT), and spots (AKAZE),
described by their grey levels as a perceptual hash does. A feature and its mirror image have one word: harmonics that
change their sign in a mirror count by whether they agree with the first of them, and only HANDED keeps its own sign.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, dctn

from stages.common.data.arrays import Grey, Picture
from stages.common.tables.fingerprints import FEATURE, HANDED, SIDE, STEPS, TURN

Words = NDArray[np.uint32]
Places = Sequence[Any]  # cv2.KeyPoint

BLOB_SIDE, SPOT_SIDE = 256, 320  # pixels of the long side at which they are looked for
THINNEST = 8  # pixels: at a picture of one or two rows OpenCV's detectors end the process
MOST = 256  # features of a kind, the largest: in a part that was cut out and enlarged they are still there
BLOB_CONTRAST = 0.02
SPOT_RESPONSE = 0.0005
PATCH = 16  # samples across the patch of a spot
REACH = 2.5  # sides of a patch, in sizes of the spot

# Harmonics whose signs make a word: of all whose sign is as often + as -, the ones that alterations change least. The
# digits say how often each changes down, across and, of gradients, around.
GRADIENTS_EVEN = "031 322 122 010 011 302 102 013 211 104 114 124 213"
GRADIENTS_ODD = "004 202 111 002 014 121 100 212 012 022 024 222 123 103 101 131"
LEVELS_EVEN = "02 20 22 21 23 24 04 25 43"
LEVELS_ODD = "12 10 30 11 13 32 31 14 33 50"


def blobs(picture: Picture) -> bytes:
    """Blobs of an RGB picture, an array of FEATURE."""
    grey = _grey(picture, BLOB_SIDE)
    if min(grey.shape) < THINNEST:
        return b""
    sift = cv2.SIFT_create(contrastThreshold=BLOB_CONTRAST)
    places, descriptors = sift.compute(grey, _largest(sift.detect(grey)))
    return _features(places, _gradient_words(descriptors), grey) if places else b""


def spots(picture: Picture) -> bytes:
    """Spots of an RGB picture, an array of FEATURE."""
    grey = _grey(picture, SPOT_SIDE)
    if min(grey.shape) < THINNEST:
        return b""
    places = _largest(cv2.AKAZE_create(threshold=SPOT_RESPONSE).detect(grey))
    return _features(places, _level_words(_patches(grey, places)), grey) if places else b""


def _grey(picture: Picture, long_side: int) -> Grey:
    scale = long_side / max(picture.shape[:2])
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), size, interpolation=way)


def _largest(places: Places) -> Places:
    return sorted(places, key=lambda place: (-place.size, -place.response, place.pt, place.angle))[:MOST]


def _gradient_words(descriptors: NDArray[np.float32]) -> Words:
    """Words of SIFT descriptors: 4 x 4 cells of 8 directions."""
    shares = descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1e-9)  # the root: Arandjelovic, Zisserman 2012
    cells = np.sqrt(shares).reshape(-1, 4, 4, 8)
    turns = 2 * np.pi * np.arange(8) / 8
    around = np.stack([wave(n * turns) for n in (1, 2) for wave in (np.cos, np.sin)])  # from number 1; 0 is the sum
    around = np.concatenate([np.ones((1, 8)), around])
    cosines = dct(np.eye(4), axis=0, norm="ortho")
    found = np.einsum("nyxo,ky,lx,ho->nklh", cells, cosines, cosines, around, optimize=True)
    return _words(found, GRADIENTS_EVEN, GRADIENTS_ODD)


def _level_words(patches: NDArray[np.float32]) -> Words:
    return _words(dctn(patches, axes=(1, 2)), LEVELS_EVEN, LEVELS_ODD)


def _words(harmonics: NDArray[np.floating[Any]], even: str, odd: str) -> Words:
    def signs(names: str) -> list[NDArray[np.bool_]]:
        places = [tuple(map(int, name)) for name in names.split()]
        return list(harmonics.transpose(*range(1, harmonics.ndim), 0)[tuple(zip(*places, strict=True))] > 0)

    first, *others = signs(odd)
    words = first * HANDED
    for bit, sign in enumerate([*signs(even), *(other ^ first for other in others)]):
        words |= sign * np.uint32(1 << bit)
    return words


def _patches(grey: Grey, places: Places) -> NDArray[np.float32]:
    """What surrounds each place, its angle turned to the right."""
    smooth: dict[int, Grey] = {}
    patches = np.empty((len(places), PATCH, PATCH), np.float32)
    for number, place in enumerate(places):
        step = place.size * REACH / PATCH
        octave = round(2 * np.log2(step))
        if octave not in smooth:
            smooth[octave] = cv2.GaussianBlur(grey, (0, 0), 2 ** (octave / 2) / 2)
        turn = cv2.getRotationMatrix2D((0, 0), -place.angle, step)
        turn[:, 2] = np.array(place.pt) - turn[:, :2].sum(1) * (PATCH - 1) / 2
        way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        patches[number] = cv2.warpAffine(
            smooth[octave], turn, (PATCH, PATCH), flags=way, borderMode=cv2.BORDER_REPLICATE
        )
    return patches


def _features(places: Places, words: Words, grey: Grey) -> bytes:
    unit = max(grey.shape) / SIDE
    table = np.zeros(len(places), FEATURE)
    table["word"] = words
    table["x"], table["y"] = (np.array([place.pt for place in places]) / unit).clip(0, SIDE - 1).T
    table["size"] = np.round(np.log2([max(1, place.size / unit) for place in places]) * STEPS)
    table["angle"] = np.round([place.angle * TURN / 360 for place in places]).astype(int) % TURN
    return table.tobytes()
