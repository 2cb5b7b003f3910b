"""Square tiles of drawn tissue."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.demo.tissue import paint


def field_of(tissue: str, side: int, rng: np.random.Generator, zooms: tuple[float, float]) -> NDArray[np.uint8]:
    """A square tile of drawn `tissue` (blank glass where it is ""), `side` pixels wide, at a random zoom around 20x."""
    if not tissue:
        return np.full((side, side, 3), 242, np.uint8) + rng.integers(0, 6, (side, side, 1), dtype=np.uint8)
    scale = float(rng.uniform(*zooms))
    wide = int(max(side * scale, 224 * scale)) + 80
    slide = paint(tissue, wide, wide, rng)
    corner = rng.integers(0, 80, 2)
    part = slide[corner[0] : corner[0] + wide - 80, corner[1] : corner[1] + wide - 80]
    turned = np.ascontiguousarray(np.rot90(part, int(rng.integers(4))) if tissue != "epidermis" else part)
    return cv2.resize(turned, (side, side), interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)
