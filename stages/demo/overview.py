"""Whole slides at a glance: sections of tissue on a bright slide, with what lies around them."""

from collections.abc import Sequence

import cv2
import numpy as np

from stages.common.data.arrays import Picture
from stages.demo.analysed import INKS
from stages.demo.stain import Slide


def overview(tissues: Sequence[Picture], width: int, height: int, rng: np.random.Generator) -> Picture:
    """A whole slide, RGB (height, width, 3): one to six sections of `tissues`, with pen, label and glass edges."""
    ground = np.array([1, rng.uniform(0.97, 1), rng.uniform(0.94, 1)]) * rng.uniform(228, 254)
    slide = np.full((height, width, 3), ground, np.float32)
    count = int(rng.integers(1, 7))
    columns = int(np.ceil(np.sqrt(count * width / height)))
    rows = -(-count // columns)
    same = tissues[int(rng.integers(len(tissues)))] if rng.random() < 0.5 else None  # serial sections of one block
    for number in range(count):
        tissue = same if same is not None else tissues[int(rng.integers(len(tissues)))]
        cell = (width / columns, height / rows)
        centre = ((number % columns + 0.5) * cell[0], (number // columns + 0.5) * cell[1])
        _section(slide, tissue, centre, min(cell) * rng.uniform(0.25, 0.48), rng)
    if rng.random() < 0.5:
        _glass(slide, rng)
    if rng.random() < 0.5:
        _pen(slide, rng)
    if rng.random() < 0.3:
        _label(slide, rng)
    slide += rng.normal(0, 1.5, slide.shape)
    return np.clip(slide, 0, 255).astype(np.uint8)


def _section(
    slide: np.ndarray, tissue: Picture, centre: tuple[float, float], radius: float, rng: np.random.Generator
) -> None:
    """One section with a wavy outline, darker where the tissue is folded."""
    side = max(16, int(2.4 * radius))
    shape = Slide(side, side, rng)
    mask = shape.blob(
        (side / 2, side / 2), radius, lobes=float(rng.uniform(0.03, 0.15)), squeeze=float(rng.uniform(0.4, 1))
    )
    for _ in range(int(rng.integers(0, 4))):  # holes, fat and vessels
        mask &= ~shape.blob(tuple(rng.uniform(0.2, 0.8, 2) * side), radius * rng.uniform(0.05, 0.25), lobes=0.1)
    texture = _texture(tissue, side, rng.uniform(2, 8)).astype(np.float32)
    texture *= 1 + 0.06 * shape.noise(side / 6)[..., None]
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)[..., None]
    x, y = int(centre[0] - side / 2), int(centre[1] - side / 2)
    height, width = slide.shape[:2]
    across = slice(max(0, x), min(width, x + side))
    down = slice(max(0, y), min(height, y + side))
    inside = (slice(down.start - y, down.stop - y), slice(across.start - x, across.stop - x))
    place = slide[down, across]
    place += soft[inside] * (texture[inside] - place)


def _texture(tissue: Picture, side: int, scale: float) -> Picture:
    """A square of `side` pixels of tissue seen `scale` times smaller, mirrored where there is not enough of it."""
    small = cv2.resize(tissue, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    down, across = (max(0, side - length) for length in small.shape[:2])
    return cv2.copyMakeBorder(small, 0, down, 0, across, cv2.BORDER_REFLECT)[:side, :side]


def _glass(slide: np.ndarray, rng: np.random.Generator) -> None:
    """Edges of the coverslip, and the dark border that a scanner leaves."""
    height, width = slide.shape[:2]
    grey = float(rng.uniform(120, 215))
    for _ in range(int(rng.integers(1, 3))):
        x = int(rng.integers(0, width))
        cv2.line(slide, (x, 0), (x + int(rng.integers(-9, 9)), height), (grey, grey, grey), int(rng.integers(1, 4)))
    if rng.random() < 0.4:
        cv2.rectangle(slide, (0, 0), (width, height), (20, 20, 20), int(rng.integers(4, 24)))


def _pen(slide: np.ndarray, rng: np.random.Generator) -> None:
    """Dots, rings and lines of a felt pen."""
    height, width = slide.shape[:2]
    ink = INKS[int(rng.integers(len(INKS)))]
    thick = int(rng.integers(3, 10))
    for _ in range(int(rng.integers(1, 5))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        kind = rng.random()
        if kind < 0.4:
            axes = (int(rng.integers(12, width // 4)), int(rng.integers(12, height // 3)))
            cv2.ellipse(slide, (x, y), axes, float(rng.uniform(0, 180)), 0, float(rng.uniform(200, 360)), ink, thick)
        elif kind < 0.7:
            cv2.circle(slide, (x, y), thick, ink, -1)
        else:
            end = (x + int(rng.integers(-120, 120)), y + int(rng.integers(-60, 60)))
            cv2.line(slide, (x, y), end, ink, thick)


def _label(slide: np.ndarray, rng: np.random.Generator) -> None:
    """The slide's paper label with a code of squares at one end."""
    height, width = slide.shape[:2]
    wide = int(width * rng.uniform(0.1, 0.2))
    x = 0 if rng.random() < 0.5 else width - wide
    slide[:, x : x + wide] = rng.uniform(225, 255)
    side = wide // 2
    code = np.repeat(np.repeat(rng.integers(0, 2, (12, 12)) * 235.0, 1 + side // 12, 0), 1 + side // 12, 1)[
        :side, :side
    ]
    top = int(height * 0.1)
    shown = code[: max(0, height - top)]
    slide[top : top + len(shown), x + wide // 4 : x + wide // 4 + side] = shown[..., None]
    for y in range(top + side + 12, min(height - 10, top + side + 80), 16):
        cv2.putText(
            slide, f"S{rng.integers(10, 99)}-{rng.integers(999)}", (x + 4, y), 0, 0.4, (20, 20, 20), 1, cv2.LINE_AA
        )
