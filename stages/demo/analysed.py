"""What people and programs lay over tissue and cells: ink, outlines, masks, maps of cells."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Picture
from stages.demo.stain import Slide

INKS = ((20, 30, 160), (10, 90, 40), (15, 15, 15), (170, 20, 40), (200, 25, 30))  # of felt pens
PALETTES = ("rainbow", "hsv", "cool", "tab20", "Set1", "plasma", "PiYG", "gist_ncar")


def masks(labels: NDArray[Any], rng: np.random.Generator) -> Picture:
    """Cells as a segmentation shows them: each of `labels` in a colour of its own, filled or as an outline."""
    colours = rng.integers(60, 256, (int(labels.max()) + 1, 3)).astype(np.uint8)
    colours[0] = 255 if rng.random() < 0.3 else 0
    picture = colours[labels]
    if rng.random() < 0.4:
        edge = cv2.dilate(labels.astype(np.uint16), np.ones((5, 5))) != labels
        picture[~edge] = colours[0]
    return picture


def spots(width: int, height: int, rng: np.random.Generator) -> Picture:
    """All cells of one or two sections as coloured dots on black, as spatial omics shows them."""
    from matplotlib import colormaps

    slide = Slide(height, width, rng)
    picture = np.full((height, width, 3), int(rng.choice([0, 0, 30, 255])), np.uint8)
    count = int(rng.integers(1, 3))
    for number in range(count):
        centre = (width * (number + 0.5) / count, height / 2)
        radius = min(width / count, height) * float(rng.uniform(0.3, 0.5))
        shape = slide.blob(centre, radius, lobes=float(rng.uniform(0, 0.15)))
        shape &= slide.noise(rng.uniform(8, 40)) > rng.uniform(-2.5, -0.5)
        points = slide.scatter(float(rng.uniform(3, 9)), shape).astype(int)
        types = slide.noise(float(rng.uniform(4, 40)))[points[:, 1], points[:, 0]] + rng.normal(0, 0.5, len(points))
        colours = colormaps[str(rng.choice(PALETTES))]((types * 2).round() / 10 + 0.5)[:, :3]
        size = int(rng.integers(1, 4))
        for (x, y), colour in zip(points.tolist(), (255 * colours).astype(int).tolist(), strict=True):
            cv2.circle(picture, (x, y), size, colour, -1)
    return picture


def outline(image: Picture, rng: np.random.Generator) -> Picture:
    """Tissue as image analysis shows it: its nuclei outlined, filled or in boxes, as found by their dark stain."""
    dark = cv2.GaussianBlur(255 - image[..., 0], (0, 0), 1.5)
    _, found = cv2.threshold(dark, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    shapes, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    drawn = image.copy()
    inks = [tuple(int(value) for value in rng.integers(0, 256, 3)) for _ in range(int(rng.integers(1, 5)))]
    boxes, thick = rng.random() < 0.3, int(rng.choice([-1, 1, 1, 2]))
    for number, shape in enumerate(shapes):
        if boxes:
            x, y, width, height = cv2.boundingRect(shape)
            cv2.rectangle(drawn, (x - 4, y - 4), (x + width + 4, y + height + 4), inks[number % len(inks)], 1)
        else:
            cv2.drawContours(drawn, [shape], -1, inks[number % len(inks)], thick)
    return drawn


def ink(image: Picture, rng: np.random.Generator) -> Picture:
    """`image` with a felt pen's mark over or beside the tissue, out of focus."""
    height, width = image.shape[:2]
    mark = np.zeros((height, width), np.float32)
    points = rng.uniform(0, 1, (int(rng.integers(2, 5)), 2)) * (width, height)
    cv2.polylines(mark, [points.astype(np.int32)], False, 1.0, int(rng.integers(20, max(21, height // 3))))
    mark = cv2.GaussianBlur(mark, (0, 0), float(rng.uniform(2, 20)))[..., None] * rng.uniform(0.5, 1)
    colour = np.array(INKS[int(rng.integers(len(INKS)))], np.float32) / 255
    return (image * (1 - mark + mark * colour)).astype(np.uint8)
