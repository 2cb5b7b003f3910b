"""Captioned tissue images that the demo's three exports are filled with, and the plan of what is planted in them."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common.files import jpeg
from stages.demo.evalsets import field_of
from stages.demo.script import narration

COUNTS = {"small": (14, 110, 100), "tiny": (3, 12, 12)}  # articles, tweets, web images
WAYS = ("exact", "rescaled", "recompressed", "cropped", "mirrored")  # in which images are copied around
REAL = ("serous_carcinoma",)


@dataclass(frozen=True)
class Captioned:
    """An encoded image, its caption, the tissue it shows and where it came from ("" unless planted)."""

    image: bytes
    caption: str
    tissue: str
    planted: str = ""


def tissues() -> list[str]:
    """Classes of tissue that can be drawn."""
    return [name for name in narration()["tissues"] if name not in REAL]


def make(source: str, number: int, seed: int, side: tuple[int, int] = (420, 640)) -> Captioned:
    """Return the `number`-th image of `source`; classes take turns."""
    rng = np.random.default_rng([313, seed, *source.encode(), number])
    names = tissues()
    tissue = names[(number + 7 * (number // len(names))) % len(names)]
    width = int(rng.integers(*side))
    tile = field_of(tissue, width, rng, zooms=(0.7, 1.9))
    return Captioned(jpeg(Image.fromarray(tile), 88), caption(tissue, rng), tissue)


def caption(tissue: str, rng: np.random.Generator) -> str:
    """One caption about `tissue`, of one or two sentences."""
    words = narration()["tissues"][tissue]
    statement = words["statements"][int(rng.integers(len(words["statements"])))]
    forms = (
        f"Histopathology image of {words['name']}, hematoxylin and eosin stain.",
        f"{words['name'].capitalize()}. {statement}",
        f"{statement} H&E, original magnification x200.",
        f"Microscopy showing {words['features'][int(rng.integers(len(words['features'])))]}.",
    )
    return forms[int(rng.integers(len(forms)))]


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
