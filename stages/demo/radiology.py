"""Sections through a body as computed tomography and magnetic resonance show them, and the desktops of radiologists.

Drawn, because no package that the demo installs carries a real one.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Picture
from stages.demo.stain import Slide

Grey = NDArray[np.float32]
SIDE = 240  # pixels of a section
TITLES = ("Axial", "Coronal", "Sagittal", "W 400 L 40", "Se 3 Im 41", "R", "L", "T2 FLAIR", "Thickness 1.25 mm")


def scan(width: int, height: int, rng: np.random.Generator) -> Picture:
    """One to six views of a body on black, with crosshairs, letters and coloured organs as segmentation shows them."""
    rows, columns = ((1, 1), (1, 1), (2, 2), (1, 2), (2, 3), (1, 3))[int(rng.integers(6))]
    canvas = np.zeros((height, width, 3), np.uint8)
    coloured = rng.random() < 0.5
    for number in range(rows * columns):
        top, left = number // columns * height // rows, number % columns * width // columns
        cell = canvas[top : top + height // rows - 2, left : left + width // columns - 2]
        if number and rng.random() < 0.15:
            _model(cell, rng)
            continue
        draw = (_abdomen, _head, _chest)[int(rng.integers(3))]
        grain = rng.uniform(0.005, 0.04) * rng.standard_normal((SIDE, SIDE), np.float32)
        grey = np.clip(draw(rng) + grain, 0, 1).astype(np.float32)
        picture = cv2.cvtColor((255 * grey).astype(np.uint8), cv2.COLOR_GRAY2RGB)
        if coloured:
            _segment(picture, grey, rng)
        _place(cell, picture)
        _letters(cell, rng)
    return canvas


def _organs(slide: Slide, grey: Grey, inside: NDArray[np.bool_], count: int, low: float, high: float) -> None:
    rng = slide.rng
    for _ in range(count):
        centre = tuple(rng.uniform(0.28, 0.72, 2) * SIDE)
        squeeze = float(rng.uniform(0.5, 1))
        mask = slide.blob(centre, SIDE * rng.uniform(0.03, 0.14), lobes=0.1, squeeze=squeeze) & inside
        grey[mask] = rng.uniform(low, high) + 0.02 * slide.noise(4)[mask]


def _soft(grey: Grey, rng: np.random.Generator) -> Grey:
    return cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(0.7, 1.6)))


def _abdomen(rng: np.random.Generator) -> Grey:
    """Fat, muscle, organs, spine and ribs."""
    slide, middle = Slide(SIDE, SIDE, rng), (SIDE / 2, SIDE / 2)
    grey = np.zeros((SIDE, SIDE), np.float32)
    squeeze = float(rng.uniform(0.65, 0.95))
    radius = SIDE * float(rng.uniform(0.36, 0.46))
    body = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(body, (SIDE // 2, SIDE // 2), (int(radius), int(radius * squeeze)), 0, 0, 360, 2, -1)
    wall = float(rng.uniform(0.8, 0.93))
    cv2.ellipse(body, (SIDE // 2, SIDE // 2), (int(radius * wall), int(radius * squeeze * wall)), 0, 0, 360, 1, -1)
    grey[body == 2] = rng.uniform(0.15, 0.3)
    inside = body == 1
    grey[inside] = 0.45 + 0.03 * slide.noise(6)[inside]
    _organs(slide, grey, inside, int(rng.integers(5, 14)), 0.3, 0.75)
    _organs(slide, grey, inside, int(rng.integers(0, 5)), 0.0, 0.1)
    spine = slide.blob((middle[0], middle[1] + radius * squeeze * 0.6), SIDE * 0.06, lobes=0.12)
    grey[spine] = 0.9
    for angle in np.linspace(0.1, 2 * np.pi, int(rng.integers(6, 14))):
        x, y = middle[0] + radius * 0.86 * np.cos(angle), middle[1] + radius * squeeze * 0.86 * np.sin(angle)
        cv2.ellipse(grey, (int(x), int(y)), (6, 3), float(np.degrees(angle) + 90), 0, 360, 0.95, -1)
    return _soft(grey, rng)


def _head(rng: np.random.Generator) -> Grey:
    """Scalp, skull, folded brain and ventricles."""
    slide, middle = Slide(SIDE, SIDE, rng), (SIDE / 2, SIDE / 2)
    grey = np.zeros((SIDE, SIDE), np.float32)
    radius, squeeze = SIDE * float(rng.uniform(0.36, 0.44)), float(rng.uniform(0.75, 0.9))
    bone, scalp = float(rng.uniform(0, 1)), float(rng.uniform(0.3, 0.8))
    folds = slide.noise(float(rng.uniform(3, 6)))
    for share, value in ((1.0, scalp), (0.94, bone), (0.87, 0.08), (0.83, 0.0)):
        ring = np.zeros((SIDE, SIDE), np.uint8)
        cv2.ellipse(
            ring, (SIDE // 2, SIDE // 2), (int(radius * share * squeeze), int(radius * share)), 0, 0, 360, 1, -1
        )
        grey[ring == 1] = value if value else 0.5 + 0.12 * np.tanh(3 * folds[ring == 1])
    for side in (-1, 1):
        grey[slide.blob((middle[0] + side * SIDE * 0.05, middle[1]), SIDE * 0.06, lobes=0.1, squeeze=0.4)] = 0.12
    if rng.random() < 0.4:
        grey[slide.blob(tuple(rng.uniform(0.35, 0.65, 2) * SIDE), SIDE * 0.06, lobes=0.15)] = 0.9
    return _soft(grey, rng)


def _chest(rng: np.random.Generator) -> Grey:
    """A radiograph: dark lungs, pale heart and spine, ribs across."""
    slide = Slide(SIDE, SIDE, rng)
    grey = np.full((SIDE, SIDE), rng.uniform(0.5, 0.75), np.float32) + 0.05 * slide.noise(50)
    for x in (0.3, 0.7):
        cv2.ellipse(
            grey, (int(SIDE * x), SIDE // 2), (SIDE // 7, SIDE // 3), 0, 0, 360, float(rng.uniform(0.1, 0.3)), -1
        )
    grey[slide.blob((SIDE * 0.55, SIDE * 0.62), SIDE * 0.13, lobes=0.05)] = 0.75
    grey[:, int(SIDE * 0.47) : int(SIDE * 0.53)] += 0.12
    grey = cv2.GaussianBlur(grey, (0, 0), 6)
    for y in range(int(SIDE * 0.15), int(SIDE * 0.85), SIDE // 10):
        for x, tilt in ((0.3, 15), (0.7, -15)):
            cv2.ellipse(
                grey, (int(SIDE * x), y), (SIDE // 6, SIDE // 14), tilt, 180, 360, float(grey[y, SIDE // 2]) - 0.2, 2
            )
    return _soft(grey, rng)


def _segment(picture: Picture, grey: Grey, rng: np.random.Generator) -> None:
    """Paint organs in clear colours."""
    slide = Slide(SIDE, SIDE, rng)
    for _ in range(int(rng.integers(1, 9))):
        mask = slide.blob(tuple(rng.uniform(0.3, 0.7, 2) * SIDE), SIDE * rng.uniform(0.03, 0.25), lobes=0.12)
        mask &= grey > 0.1
        share = rng.uniform(0.3, 0.8)
        colour = rng.integers(40, 256, 3)
        picture[mask] = (picture[mask] * (1 - share) + share * colour).astype(np.uint8)


def _model(cell: Picture, rng: np.random.Generator) -> None:
    """A shaded model of an organ on a pale blue ground."""
    cell[:] = (150, 150, 215)
    side = min(cell.shape[:2])
    slide = Slide(cell.shape[0], cell.shape[1], rng)
    mask = slide.blob((cell.shape[1] / 2, cell.shape[0] / 2), side * 0.3, lobes=0.12)
    shade = 0.8 + 0.15 * slide.noise(side / 8)[mask]
    cell[mask] = np.clip(rng.integers(90, 230, 3) * shade[:, None], 0, 255).astype(np.uint8)


def _place(cell: Picture, picture: Picture) -> None:
    """`picture` in the middle of `cell`, as large as fits."""
    scale = min(cell.shape[0] / picture.shape[0], cell.shape[1] / picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[
        : cell.shape[0], : cell.shape[1]
    ]
    top, left = (cell.shape[0] - small.shape[0]) // 2, (cell.shape[1] - small.shape[1]) // 2
    cell[top : top + small.shape[0], left : left + small.shape[1]] = small


def _letters(cell: Picture, rng: np.random.Generator) -> None:
    height, width = cell.shape[:2]
    ink = tuple(int(value) for value in rng.integers(120, 256, 3))
    if rng.random() < 0.4:
        cv2.line(cell, (0, height // 2), (width, height // 2), ink, 1)
        cv2.line(cell, (width // 2, 0), (width // 2, height), ink, 1)
    for y in range(14, height, max(20, height // 4)):
        if rng.random() < 0.6:
            cv2.putText(cell, str(rng.choice(TITLES)), (4, y), 0, 0.35, ink, 1, cv2.LINE_AA)
