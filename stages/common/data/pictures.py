"""Encoded images from anywhere, as RGB pixels: bounded, and with one short reason for what cannot be used; and
thumbnails of them for pages."""

import base64
import io
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from stages.common.data.arrays import Picture
from stages.common.data.files import jpeg
from stages.common.errors import Rejected

FORMATS = ("JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP")  # none of them runs a program to be read
MAX_PIXELS = 64_000_000  # a larger image is refused by its header, before a pixel is decoded
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")
ORIENTATION = 0x0112


def decode(data: bytes) -> Picture:
    """Return the first frame of an encoded image as (height, width, 3) uint8, upright, on white where transparent.

    Raises Rejected: unreadable_image (also one cut short), image_too_large (over MAX_PIXELS).
    """
    return np.asarray(_open(data))


def as_jpeg(data: bytes) -> tuple[bytes, Picture]:
    """Return an encoded image as (JPEG bytes, pixels); an upright RGB JPEG keeps its bytes. Raises like decode."""
    image = _open(data)
    with Image.open(io.BytesIO(data), formats=FORMATS) as header:
        plain = header.format == "JPEG" and header.mode in ("RGB", "L") and header.getexif().get(ORIENTATION, 1) == 1
    return (data if plain else jpeg(image)), np.asarray(image)


def thumbnail(data: bytes, size: tuple[int, int], box: Sequence[float] = ()) -> bytes:
    """Return an encoded image as a JPEG of at most `size` (width, height) pixels, its aspect kept; `box` (x0, y0, x1,
    y1 as shares of width and height) is drawn on it."""
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
    small.thumbnail(size)
    if box:
        width, height = small.size
        corners = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
        ImageDraw.Draw(small).rectangle(corners, outline=(255, 220, 0), width=3)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def data_uri(data: bytes, kind: str) -> str:
    """An image of the format `kind` (jpeg, png) as a URI that a page can hold."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _open(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Rejected("image_too_large", f"{image.width} x {image.height} pixels")
                image.load()
                return _rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:
        raise Rejected("image_too_large", str(error)) from None
    except (OSError, SyntaxError, ValueError, IndexError, EOFError) as error:
        raise Rejected("unreadable_image", " ".join(str(error).split())[:200]) from None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in SIXTEEN_BIT:
        return Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
