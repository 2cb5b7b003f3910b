"""Real tissue that holds little stain: fat, loose tissue, and slides that were stained weakly or have faded."""

import cv2
import numpy as np

from stages.common.data.arrays import Picture
from stages.demo.stain import Slide
from stages.demo.strokes import voronoi


def fatten(image: Picture, rng: np.random.Generator) -> Picture:
    """`image` with empty cells between which what remains of the tissue lies, everywhere or in a part of it."""
    height, width = image.shape[:2]
    slide = Slide(height, width, rng)
    size = float(rng.uniform(18, 110))
    walls = voronoi(slide, slide.scatter(size, jitter=float(rng.uniform(0.2, 0.4))))
    uneven = walls + size * rng.uniform(0.02, 0.06) * slide.noise(size / 8)
    empty = uneven > size * rng.uniform(0.03, 0.09) + 1
    if rng.random() < 0.5:
        empty &= slide.noise(float(rng.uniform(60, 160))) > rng.uniform(-1, 0.5)
    soft = cv2.GaussianBlur(empty.astype(np.float32), (0, 0), 1.0)[..., None] * rng.uniform(0.85, 1)
    light = np.array([1, rng.uniform(0.96, 1), rng.uniform(0.95, 1)]) * rng.uniform(232, 252)
    return (image + soft * (light - image)).astype(np.uint8)


def fade(image: Picture, rng: np.random.Generator) -> Picture:
    """`image` with a share of its optical density left, each stain's its own."""
    levels = (np.arange(256)[:, None] + 1) / 256
    table = 256 * levels ** (rng.uniform(0.15, 0.6) * rng.uniform(0.8, 1.25, 3)) - 1
    return cv2.LUT(image, np.clip(table, 0, 255).round().astype(np.uint8)[None])
