"""Cytology: single cells spread on glass, in the stains of smears."""

import cv2
import numpy as np

from stages.common.data.arrays import Picture
from stages.demo.stain import Slide


def smear(width: int, height: int, rng: np.random.Generator) -> Picture:
    """Cells of one to three sizes lying apart or in clumps, each a nucleus in its cytoplasm, red cells among them."""
    slide = Slide(height, width, rng)
    clumps = slide.noise(float(rng.uniform(30, 120))) > rng.uniform(-1.5, 0.8)
    for _ in range(int(rng.integers(1, 4))):
        radius = float(rng.uniform(5, 30))
        points = slide.scatter(radius * float(rng.uniform(2.2, 5)), clumps)
        _cytoplasm(slide, points, radius * float(rng.uniform(1.1, 1.8)), float(rng.uniform(0.15, 0.6)))
        slide.nuclei(points, radius, density=float(rng.uniform(0.7, 1.6)), spread=0.2)
    if rng.random() < 0.5:
        red = slide.scatter(float(rng.uniform(24, 60)))
        _cytoplasm(slide, red, float(rng.uniform(5, 10)), float(rng.uniform(0.2, 0.6)))
    return slide.rgb()


def _cytoplasm(slide: Slide, points: np.ndarray, radius: float, density: float) -> None:
    layer = np.zeros(slide.shape, np.float32)
    for x, y in points.tolist():
        axes = (round(radius * slide.rng.uniform(0.8, 1.3)), round(radius * slide.rng.uniform(0.8, 1.3)))
        cv2.ellipse(layer, (round(x), round(y)), axes, float(slide.rng.uniform(0, 180)), 0, 360, density, -1)
    np.maximum(slide.eosin, cv2.GaussianBlur(layer, (0, 0), 1.2), out=slide.eosin)
