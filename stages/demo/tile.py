"""Square tiles of drawn tissue, each with its own simulated stain and scanner."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.demo.tissue import paint


def field_of(tissue: str, side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square tile of drawn `tissue` (bare background where it is ""), `side` pixels wide, at 10x to 40x (paper)."""
    if not tissue:
        return np.full((side, side, 3), 242, np.uint8) + rng.integers(0, 6, (side, side, 1), dtype=np.uint8)
    scale = float(2 ** rng.uniform(-1, 1))  # paint draws at 20x
    wide = int(max(side * scale, 224 * scale)) + 80
    slide = paint(tissue, wide, wide, rng)
    corner = rng.integers(0, 80, 2)
    part = slide[corner[0] : corner[0] + wide - 80, corner[1] : corner[1] + wide - 80]
    turned = np.ascontiguousarray(np.rot90(part, int(rng.integers(4))) if tissue != "epidermis" else part)
    tile = cv2.resize(turned, (side, side), interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)
    return _laboratory(tile, rng)


def _laboratory(tile: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Stains of another hue and strength, a lens that may be out of focus, another lamp, a sensor's noise.

    Without this, colours alone would give a class away, and nothing would be left to learn.
    """
    density = -np.log(np.clip(tile.astype(np.float32) / 255, 0.02, 1))
    hue = np.eye(3) + rng.normal(0, 0.12, (3, 3))
    light = np.exp(-np.maximum(density @ hue * rng.uniform(0.6, 1.5), 0))
    if rng.random() < 0.5:
        light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.01, 1.5))
    seen = light * rng.uniform(0.88, 1.0) + rng.normal(0, 0.02, light.shape)
    return (np.clip(seen, 0, 1) * 255).astype(np.uint8)
