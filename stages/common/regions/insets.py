"""Picture in picture: a navigator, a webcam, a window of its own on a region."""

import cv2
import numpy as np

from stages.common.data.arrays import Floats, Picture
from stages.common.regions.boxes import Box
from stages.common.regions.rectangles import Rectangles
from stages.common.regions.scene import Scene

FRAMED = 0.75  # share of each side that must be an edge
LEAST_AREA = 0.003  # of the region
MOST_AREA = 0.97
LEAST_SIDE = 0.05  # of the region's sides
MOST = 3  # insets of one region
LINE, STRIP, STEP = 4, 4, 8  # pixels of the small picture: an inset's frame, the strips beside it, their pieces
FAR = 3 * LINE + STRIP  # as far from the strip outside as that is from the one inside
STRANGE = 1.5  # times as different from what lies around it as that is within itself
LEVELS = 4.0  # grey levels that any two strips may differ by


def insets(scene: Scene, region: Box) -> list[Box]:
    """Framed rectangles within `region` that do not go on outside: what a drawn box surrounds goes on."""
    found: list[Box] = []
    for box in Rectangles(*scene.lines(region)).framed(FRAMED):
        shown = scene.small(box)
        small = box.width < LEAST_SIDE * region.width or box.height < LEAST_SIDE * region.height
        small |= min(shown.width, shown.height) < 2 * (LINE + STRIP)
        if small or not LEAST_AREA <= box.area / region.area <= MOST_AREA:
            continue
        if not any(box.common(other).area for other in found) and _strange(scene, box, region):
            found.append(box)
        if len(found) == MOST:
            break
    return found


def _strange(scene: Scene, box: Box, region: Box) -> bool:
    """Whether the colours along the sides of `box` change more across them than beside them."""
    inner, outer = scene.small(box), scene.small(region)
    across, beside = [], []
    for turned in (False, True):
        picture = cv2.transpose(scene.picture) if turned else scene.picture
        own, around = ((Box(b.top, b.left, b.bottom, b.right) if turned else b) for b in (inner, outer))
        for place, way, edge in ((own.top, -1, around.top), (own.bottom, 1, around.bottom)):
            if abs(place - edge) < FAR + STRIP:
                continue
            inside, near, far = (_strip(picture, own, place, way, distance) for distance in (-LINE - STRIP, LINE, FAR))
            across.append(np.abs(inside - near).mean())
            beside.append(np.abs(far - near).mean())
    return bool(across) and float(np.mean(across)) > STRANGE * float(np.mean(beside)) + LEVELS


def _strip(picture: Picture, box: Box, place: int, way: int, distance: int) -> Floats:
    """Mean colours along a level side at `place`: of the pieces of a strip so far from it, `way` being down or up."""
    top = place + distance if way > 0 else place - distance - STRIP
    rows = picture[max(0, top) : top + STRIP, box.left : box.right].astype(np.float64)
    pieces = np.array_split(rows, max(1, rows.shape[1] // STEP), axis=1)
    return np.stack([piece.mean((0, 1)) for piece in pieces])
