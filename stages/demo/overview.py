"""Whole slides at a glance: sections of tissue on a bright slide, with what lies around them."""

from collections.abc import Sequence

import cv2
import numpy as np

from stages.common.data.arrays import Picture
from stages.demo.analysed import INKS
from stages.demo.stain import Mask, Slide


def overview(
    tissues: Sequence[Picture], width: int, height: int, rng: np.random.Generator, unscanned: bool = False
) -> Picture:
    """A whole slide, RGB (height, width, 3): sections or cores of `tissues`, with pen, label and glass edges; with
    `unscanned`, black where there is no tissue."""
    ground = np.array([1, rng.uniform(0.97, 1), rng.uniform(0.94, 1)]) * rng.uniform(228, 254)
    slide = np.full((height, width, 3), ground, np.float32)
    cores = rng.random() < 0.12  # a microarray of tissues
    count = int(rng.integers(8, 40)) if cores else int(rng.choice([1, 1, 1, 2, 2, 3, 4, 6]))
    columns = int(np.ceil(np.sqrt(count * width / height)))
    rows = -(-count // columns)
    same = tissues[int(rng.integers(len(tissues)))] if rng.random() < 0.5 else None  # serial sections of one block
    for number in range(count):
        tissue = same if same is not None else tissues[int(rng.integers(len(tissues)))]
        cell = (width / columns, height / rows)
        centre = ((number % columns + 0.5) * cell[0], (number // columns + 0.5) * cell[1])
        if cores:
            size = (min(cell) * 0.8, min(cell) * 0.8)
        else:
            size = (cell[0] * rng.uniform(0.45, 1.05), cell[1] * rng.uniform(0.45, 1.05))
        _section(slide, tissue, centre, size, rng, rough=not cores)
    if unscanned:
        slide[np.abs(slide - ground).max(axis=2) < 12] = rng.uniform(0, 25)
    if rng.random() < 0.5:
        _glass(slide, rng)
    if rng.random() < 0.5:
        _pen(slide, rng)
    if rng.random() < 0.3:
        _label(slide, rng)
    slide += rng.normal(0, 1.5, slide.shape)
    return np.clip(slide, 0, 255).astype(np.uint8)


def _section(
    slide: np.ndarray,
    tissue: Picture,
    centre: tuple[float, float],
    size: tuple[float, float],
    rng: np.random.Generator,
    rough: bool,
) -> None:
    """One section of about `size` (width, height): solid, or `rough`, with a torn edge, holes and pale parts."""
    side = max(16, int(max(size)))
    shape = Slide(side, side, rng)
    lobes = float(rng.uniform(0.03, 0.2)) if rough else 0.01
    mask = shape.blob((side / 2, side / 2), side * 0.42, lobes=lobes, squeeze=float(rng.uniform(0.7, 1)))
    texture = _texture(tissue, side, rng.uniform(2, 16))
    if rough:
        mask = _torn(shape, mask, rng)
        texture = _uneven(shape, texture, rng)
    box = (max(8, int(size[0])), max(8, int(size[1])))
    texture = cv2.resize(texture, box, interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = cv2.resize(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0), box)[..., None]
    x, y = int(centre[0] - box[0] / 2), int(centre[1] - box[1] / 2)
    height, width = slide.shape[:2]
    across = slice(max(0, x), min(width, x + box[0]))
    down = slice(max(0, y), min(height, y + box[1]))
    inside = (slice(down.start - y, down.stop - y), slice(across.start - x, across.stop - x))
    place = slide[down, across]
    place += soft[inside] * (texture[inside] - place)


def _torn(shape: Slide, mask: Mask, rng: np.random.Generator) -> Mask:
    """`mask` with a ragged edge, holes, vessels and cracks, or in shreds."""
    side = shape.shape[0]
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) / side
    found = depth + rng.uniform(0, 0.06) * shape.noise(side / 30) > 0.02
    for _ in range(int(rng.integers(0, 5))):
        middle = tuple(rng.uniform(0.2, 0.8, 2) * side)
        found &= ~shape.blob(middle, side * rng.uniform(0.01, 0.12), lobes=0.15, squeeze=float(rng.uniform(0.2, 1)))
    if rng.random() < 0.3:
        turn = float(rng.uniform(0, np.pi))
        found &= shape.noise(side / rng.uniform(20, 60), float(rng.uniform(1, 8)), turn) < rng.uniform(0.3, 1.8)
    return found


def _uneven(shape: Slide, texture: Picture, rng: np.random.Generator) -> Picture:
    """`texture` with nodules and bundles that hold more stain, or less, than what lies around them, and with fat."""
    side = shape.shape[0]
    strength = np.exp(rng.uniform(0.05, 0.4) * shape.noise(side / rng.uniform(6, 25)))
    strength *= 1 + rng.uniform(0, 0.6) * (shape.noise(side / rng.uniform(8, 20)) > rng.uniform(0.3, 1.2))
    if rng.random() < 0.5:
        fat = shape.noise(side / rng.uniform(4, 10)) > rng.uniform(0.2, 1)
        strength = np.where(fat & (shape.noise(side / 120) > -0.8), rng.uniform(0.03, 0.3), strength)
    dense = np.log((texture.astype(np.float32) + 1) / 256) * strength[..., None]
    return np.clip(256 * np.exp(dense) - 1, 0, 255).astype(np.uint8)


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
