"""Encoded images from anywhere, as RGB pixels: bounded, and with one short reason for what cannot be used; and
thumbnails of them for pages."""

import base64
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from stages.common.data.arrays import Picture
from stages.common.data.files import jpeg
from stages.common.data.reading import said
from stages.common.errors import Rejected

# None of them runs a program to be read; Pillow leaves out those that it was built without.
FORMATS = ("JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP", "AVIF", "JPEG2000")
MAX_BYTES = 200_000_000  # a larger file is refused before it is read
MAX_PIXELS = 64_000_000  # a larger image is refused by its header, before a pixel is decoded
MAX_SIDE = 65_500  # of a JPEG, as libjpeg writes it
DEEP = ("I;16", "I;16B", "I;16L", "I", "F")  # more than eight bits a pixel
COLOURS = ("RGB", "RGBA", "RGBX")
STRIP = 256  # rows that are worked on at once
DEPTHS = (8, 10, 12, 14, 16)  # bits that scanners and cameras give
FEW = 64  # levels: fractions below are not of eight bits, but of a scale of their own
SHARE_OF_NOISE = 0.001  # of the pixels at either end of a range that nothing states
ORIENTATION = 0x0112


def decode(data: bytes) -> Picture:
    """Return the first frame of an encoded image as (height, width, 3) uint8, upright, on white where transparent.

    Raises Rejected: unreadable_image (also one cut short), image_too_large (over MAX_PIXELS or MAX_BYTES).
    """
    return _pixels(_open(data)[0])


def as_jpeg(data: bytes) -> tuple[bytes, Picture]:
    """Return an encoded image as (JPEG bytes, pixels); an upright RGB JPEG keeps its bytes. Raises like decode, and
    image_too_large also for what is too long for a JPEG."""
    image, plain = _open(data)
    if max(image.size) > MAX_SIDE and not plain:
        raise Rejected("image_too_large", f"{image.width} x {image.height} pixels")
    return (data if plain else jpeg(image)), _pixels(image)


def read_picture(path: Path) -> Picture:
    """Return an image file as OpenCV decodes it: (height, width, 3) uint8, upright.

    Raises Rejected as `decode` does, before a pixel of an image that is too large is decoded, and for a file that is
    not there.
    """
    import cv2

    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
        found = (
            cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
            if 0 < pixels_of(data) <= MAX_PIXELS
            else None
        )
    except (OSError, ValueError, cv2.error) as error:  # ValueError: a NUL in the name
        raise Rejected("unreadable_image", said(error, path)) from None
    if found is None:
        raise Rejected("unreadable_image", "not an image of a known format, or too large")
    return found


def pixels_of(data: bytes) -> int:
    """How many pixels an encoded image has by its header; 0 for what is no image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return image.width * image.height
    except Exception:  # every format's reader has its own
        return 0


def shrunk(picture: Picture, scale: float) -> Picture:
    """A picture, in colour or grey, made smaller by `scale`, at least one pixel on each side; itself where `scale` is
    not below 1."""
    import cv2

    if scale >= 1:
        return picture
    if min(picture.shape[:2]) * scale <= 0.5:  # which OpenCV would round to no pixel
        height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


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


def _open(data: bytes) -> tuple[Image.Image, bool]:
    """The image as RGB, and whether it is a JPEG that is so as it is stored."""
    if len(data) > MAX_BYTES:
        raise Rejected("image_too_large", f"{len(data)} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Rejected("image_too_large", f"{image.width} x {image.height} pixels")
                plain = image.format == "JPEG" and image.mode in ("RGB", "L")
                deep = image.mode in COLOURS and ";16" in str(image.tile)
                upright = image.getexif().get(ORIENTATION, 1) == 1
                rgb = _deep_colours(data) if deep else None
                image.load()
                rgb = rgb or _rgb(image if upright else ImageOps.exif_transpose(image))
                return rgb, plain and upright
    except Image.DecompressionBombError as error:
        raise Rejected("image_too_large", str(error)) from None
    except UnidentifiedImageError:  # its message holds an address of memory
        raise Rejected("unreadable_image", "not an image of a known format" if data else "empty") from None
    except Rejected:
        raise
    except Exception as error:  # every format's reader has its own
        raise Rejected("unreadable_image", said(error)) from None


def _deep_colours(data: bytes) -> Image.Image | None:
    """An image of 16 bits a colour, of which Pillow reads the upper eight alone; None where OpenCV cannot read it."""
    import cv2

    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if values is None or values.dtype != np.uint16:
        return None
    levels = _eight_bits(values)
    del values
    return Image.fromarray(cv2.cvtColor(levels, cv2.COLOR_BGR2RGB, dst=levels))


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in DEEP:
        return Image.fromarray(_eight_bits(_pixels(image))).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _pixels(image: Image.Image) -> NDArray[Any]:
    """The pixels of an image, whose bytes Pillow would hold twice if it gave all of them at once."""
    first = np.asarray(image.crop((0, 0, image.width, min(STRIP, image.height))))
    pixels = np.empty((image.height, *first.shape[1:]), first.dtype)
    for begin in range(0, image.height, STRIP):
        pixels[begin : begin + STRIP] = image.crop((0, begin, image.width, min(begin + STRIP, image.height)))
    return pixels


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Levels of 0 to 255 for pixels of any depth: whole numbers by the bits that they need, fractions as shares of one,
    and others by their own range."""
    if values.dtype.kind == "f":
        for begin in range(0, len(values), STRIP):
            np.nan_to_num(values[begin : begin + STRIP], copy=False, posinf=0, neginf=0)
    low, high = _range(values)
    scale = 255 / max(high - low, 1e-12)
    shades: NDArray[np.uint8] = np.empty(values.shape, np.uint8)
    for begin in range(0, len(values), STRIP):
        scaled = values[begin : begin + STRIP].astype(np.float32)
        scaled -= np.float32(low)
        scaled *= np.float32(scale)
        shades[begin : begin + STRIP] = scaled.clip(0, 255).round()
    return shades


def _range(values: NDArray[Any]) -> tuple[float, float]:
    """The numbers that are to be black and white."""
    low, high = float(values.min()), float(values.max())
    fractions = values.dtype.kind == "f"
    if fractions and low >= 0 and high <= 1:
        return 0.0, 1.0
    if low < 0 or high >= 2 ** DEPTHS[-1] or (fractions and high < FEW):
        some = values.ravel()[:: max(1, values.size // 1_000_000)]
        ends = np.quantile(some, (SHARE_OF_NOISE, 1 - SHARE_OF_NOISE))
        return float(ends[0]), float(ends[1])
    return 0.0, next(2.0**bits - 1 for bits in DEPTHS if high < 2**bits)
