"""What people and programs lay over tissue and cells: ink, outlines, masks, maps of cells."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Picture
from stages.demo.stain import Slide

INKS = ((20, 30, 160), (10, 90, 40), (15, 15, 15), (170, 20, 40), (200, 25, 30))  # of felt pens
NAMES = ("tumour", "stroma", "ROI 1", "necrosis", "mitosis", "gland", "0.97", "A")
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
        if rng.random() < 0.5:  # glands, vessels and layers
            wave = slide.noise(float(rng.uniform(4, 25)), float(rng.uniform(1, 6)), float(rng.uniform(0, np.pi)))
            shape &= np.abs(wave) > rng.uniform(0.05, 0.5)
        points = slide.scatter(float(rng.uniform(3, 9)), shape).astype(int)
        types = slide.noise(float(rng.uniform(4, 40)))[points[:, 1], points[:, 0]] + rng.normal(0, 0.5, len(points))
        colours = colormaps[str(rng.choice(PALETTES))]((types * 2).round() / 10 + 0.5)[:, :3]
        size = int(rng.integers(1, 4))
        for (x, y), colour in zip(points.tolist(), (255 * colours).astype(int).tolist(), strict=True):
            cv2.circle(picture, (x, y), size, colour, -1)
    return picture


def cell_map(image: Picture, rng: np.random.Generator) -> Picture:
    """The cells of stained tissue as dots on black, coloured by type, as spatial omics shows whole sections."""
    height, width = image.shape[:2]
    slide = Slide(height, width, rng)
    stain = cv2.GaussianBlur(255 - image.min(axis=2), (0, 0), 1.0).astype(np.float32)
    x, y = slide.scatter(float(rng.uniform(1.5, 4)), np.ones((height, width), bool)).astype(int).T
    least, _ = cv2.threshold(stain.astype(np.uint8), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    shown = stain[y, x] > least * rng.uniform(0.9, 1.4) * rng.uniform(0.7, 1, len(x))
    x, y = x[shown], y[shown]
    around = cv2.GaussianBlur(stain, (0, 0), float(rng.uniform(1, 8)))[y, x] + rng.normal(0, rng.uniform(2, 25), len(x))
    types = np.argsort(np.argsort(around)) * int(rng.integers(3, 12)) // max(1, len(x))
    palette = rng.integers(30, 256, (12, 3))
    palette = palette + (rng.uniform(0, 0.6) * (200 - palette)).astype(int)  # full colours, or pastel ones
    picture = np.zeros_like(image)
    picture[y, x] = palette[types]
    size = int(rng.integers(1, 4))
    return cv2.dilate(picture, np.ones((size, size), np.uint8))


def outline(image: Picture, rng: np.random.Generator) -> Picture:
    """Tissue as image analysis shows it: its nuclei outlined, filled or in boxes, as found by their dark stain."""
    dark = cv2.GaussianBlur(255 - image[..., 0], (0, 0), 1.5)
    _, found = cv2.threshold(dark, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    shapes, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    drawn = image.copy()
    inks = [tuple(int(value) for value in rng.integers(0, 256, 3)) for _ in range(int(rng.integers(1, 5)))]
    boxes, thick = rng.random() < 0.35, int(rng.choice([-1, 1, 1, 2, 3]))
    least = int(rng.choice([0, 0, 12, 20]))  # half the sides of boxes that are all about as large
    for number, shape in enumerate(shapes):
        if boxes:
            x, y, width, height = cv2.boundingRect(shape)
            across, down = max(least, width // 2 + 4), max(least, height // 2 + 4)
            x, y = x + width // 2, y + height // 2
            cv2.rectangle(drawn, (x - across, y - down), (x + across, y + down), inks[number % len(inks)], abs(thick))
        else:
            cv2.drawContours(drawn, [shape], -1, inks[number % len(inks)], thick)
    return drawn


def regions(image: Picture, rng: np.random.Generator) -> Picture:
    """Tissue with regions that somebody has marked: outlines, tinted areas, boxes with a name, lines and arrows."""
    height, width = image.shape[:2]
    slide, drawn = Slide(height, width, rng), image.copy()
    for _ in range(int(rng.integers(1, 9))):
        colour = tuple(int(value) for value in rng.choice([0, 40, 120, 200, 255], 3))
        thick = int(rng.integers(1, 5))
        x, y = int(rng.integers(width)), int(rng.integers(height))
        reach = int(min(height, width) * rng.uniform(0.05, 0.45))
        kind = rng.random()
        if kind < 0.5:
            area = slide.blob((x, y), reach, lobes=float(rng.uniform(0.02, 0.2)), squeeze=float(rng.uniform(0.4, 1)))
            if rng.random() < 0.5:
                drawn[area] = (drawn[area] * 0.65 + np.array(colour) * 0.35).astype(np.uint8)
            edges, _ = cv2.findContours(area.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            cv2.drawContours(drawn, edges, -1, colour, thick)
        elif kind < 0.85:
            cv2.rectangle(drawn, (x, y), (x + reach, y + int(reach * rng.uniform(0.5, 1.5))), colour, thick)
            if rng.random() < 0.5:
                cv2.putText(drawn, str(rng.choice(NAMES)), (x, y - 4), 0, 0.45, colour, 1, cv2.LINE_AA)
        else:
            end = (x + int(rng.integers(-90, 90)), y + int(rng.integers(-90, 90)))
            cv2.arrowedLine(drawn, (x, y), end, colour, thick, cv2.LINE_AA, tipLength=0.3)
    return drawn


def heated(image: Picture, warm: Picture, rng: np.random.Generator) -> Picture:
    """`image` under the map `warm`, as attention and probability are shown."""
    shown = cv2.resize(warm, image.shape[1::-1])
    return cv2.addWeighted(shown, share := float(rng.uniform(0.15, 0.5)), image, 1 - share, 0)


def ink(image: Picture, rng: np.random.Generator) -> Picture:
    """`image` with a felt pen's mark over or beside the tissue, out of focus."""
    height, width = image.shape[:2]
    mark = np.zeros((height, width), np.float32)
    points = rng.uniform(0, 1, (int(rng.integers(2, 5)), 2)) * (width, height)
    cv2.polylines(mark, [points.astype(np.int32)], False, 1.0, int(rng.integers(20, max(21, height // 3))))
    mark = cv2.GaussianBlur(mark, (0, 0), float(rng.uniform(2, 20)))[..., None] * rng.uniform(0.5, 1)
    colour = np.array(INKS[int(rng.integers(len(INKS)))], np.float32) / 255
    return (image * (1 - mark + mark * colour)).astype(np.uint8)
