"""Views of real and drawn tissue at any magnification, and overviews of whole sections."""

import functools

import cv2
import numpy as np

from stages.common.data.arrays import Picture
from stages.demo.real import photograph
from stages.demo.tissue import paint

SCALABLE = ("skin", "ovary_nest", "ovary_stroma", "gland", "colon_ihc")
DRAWN = ("colorectal_cancer", "lung", "epidermis", "stroma", "benign_prostate", "adipose", "lymphocytes")


@functools.cache
def _drawn_slide(name: str) -> Picture:
    return paint(name, 1400, 2200, np.random.default_rng([5, *name.encode()]))


def tissue(width: int, height: int, rng: np.random.Generator) -> Picture:
    """A view of real (two of three) or drawn tissue, of any magnification, glass included."""
    real = rng.random() < 2 / 3
    slide = photograph(str(rng.choice(SCALABLE))) if real else _drawn_slide(str(rng.choice(DRAWN)))
    least = max(width / slide.shape[1], height / slide.shape[0])
    zoom = least * float(rng.uniform(1, 2.5))
    across, down = int(width / zoom), int(height / zoom)
    x, y = int(rng.integers(slide.shape[1] - across + 1)), int(rng.integers(slide.shape[0] - down + 1))
    part = slide[y : y + down, x : x + across]
    part = part[:, ::-1] if rng.random() < 0.5 else part
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    seen = cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=method)
    return tissue(width, height, rng) if (np.ptp(seen, axis=2) > 20).mean() < 0.25 else seen


def overview(width: int, height: int, rng: np.random.Generator) -> Picture:
    """Whole sections on glass, most of it bare, perhaps with a pen mark."""
    whole = np.empty((height, width, 3), np.uint8)
    whole[:] = rng.integers(242, 253)
    for _ in range(int(rng.integers(1, 4))):
        w, h = int(width * rng.uniform(0.2, 0.45)), int(height * rng.uniform(0.3, 0.7))
        x, y = int(rng.integers(4, width - w - 4)), int(rng.integers(4, height - h - 4))
        mask = np.zeros((h, w), np.uint8)
        turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        reach = rng.uniform(0.65, 1, 24)
        points = np.stack([w / 2 * (1 + reach * np.cos(turns)), h / 2 * (1 + reach * np.sin(turns))], 1)
        cv2.fillPoly(mask, [points.astype(np.int32)], 1)
        whole[y : y + h, x : x + w][mask > 0] = tissue(w, h, rng)[mask > 0]
    if rng.random() < 0.4:
        cv2.ellipse(whole, (width // 2, height // 2), (width // 4, height // 3), 10, 0, 300, (20, 30, 160), 4)
    return whole
