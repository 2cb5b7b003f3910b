"""Captioned tissue images for the demo's exports, and the plan of the copies and leaks that are planted in them."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common.data.files import jpeg
from stages.demo.script import caption, drawn, narration
from stages.demo.tile import field_of

COUNTS = {"small": (14, 110, 100), "tiny": (3, 12, 12)}  # articles, tweets, web images
WAYS = ("exact", "rescaled", "recompressed", "cropped", "mirrored")  # how copies of images are altered
OWN = 3  # images of classes that all sources have, between two of classes that only one has


@dataclass(frozen=True)
class Captioned:
    """An encoded image, its caption, the tissue it shows and where it came from ("" unless planted)."""

    image: bytes
    caption: str
    tissue: str
    planted: str = ""


def tissues(source: str) -> list[str]:
    """Classes that images of `source` take turns to show; one that it alone has comes every fourth time."""
    only = narration()["only_in"]
    shared = [name for name in drawn() if name not in only]
    own = [name for name, place in only.items() if place == source]
    return [name for n in range(0, len(shared), OWN) for name in (*shared[n : n + OWN], *own)]


def make(source: str, number: int, seed: int, side: tuple[int, int] = (420, 640)) -> Captioned:
    """Return the `number`-th image of `source`; classes take turns."""
    rng = np.random.default_rng([313, seed, *source.encode(), number])
    names = tissues(source)
    tissue = names[(number + 7 * (number // len(names))) % len(names)]
    width = int(rng.integers(*side))
    tile = field_of(tissue, width, rng)
    return Captioned(jpeg(Image.fromarray(tile), 88), caption(tissue, rng), tissue)


def copied(image: bytes, way: str, rng: np.random.Generator) -> bytes:
    """A copy of an encoded image in one of WAYS."""
    if way == "exact":
        return image
    pixels: NDArray[np.uint8] = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))
    height, width = pixels.shape[:2]
    if way == "rescaled":
        scale = float(np.exp(rng.uniform(np.log(0.5), np.log(2))))
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    elif way == "cropped":  # a tenth of each side is lost
        top, left = int(rng.integers(height // 10 + 1)), int(rng.integers(width // 10 + 1))
        pixels = pixels[top : top + round(0.9 * height), left : left + round(0.9 * width)]
    elif way == "mirrored":
        pixels = pixels[:, ::-1]
    return jpeg(Image.fromarray(np.ascontiguousarray(pixels)), 50 if way == "recompressed" else 90)
