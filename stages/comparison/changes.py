"""Changes of a picture that leave its diagnosis as it is: a turn, a soft focus, another stain, compression."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

SOFT = 0.01  # standard deviation of the blur, as a share of the shorter side
STAIN = (1.3, 0.7)  # factors of haematoxylin and eosin
QUALITY = 20  # of JPEG


def turn(picture: Image.Image) -> Image.Image:
    """A quarter turn."""
    return picture.transpose(Image.Transpose.ROTATE_90)


def blur(picture: Image.Image) -> Image.Image:
    """Out of focus: a Gaussian blur."""
    return picture.filter(ImageFilter.GaussianBlur(SOFT * min(picture.size)))


def stain(picture: Image.Image) -> Image.Image:
    """More haematoxylin and less eosin, by the stain vectors of Ruifrok and Johnston (2001)."""
    from skimage.color import hed2rgb, rgb2hed

    separate = rgb2hed(np.asarray(picture))
    separate[..., :2] *= STAIN
    return Image.fromarray(np.round(np.clip(hed2rgb(separate), 0, 1) * 255).astype(np.uint8))


def compress(picture: Image.Image) -> Image.Image:
    """Compressed as JPEG, and opened again."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    change.__name__: change for change in (turn, blur, stain, compress)
}


def changed(read: Callable[[str], bytes], change: Callable[[Image.Image], Image.Image]) -> Callable[[str], bytes]:
    """A reader of the images that `read` gives, changed, as PNG."""

    def reader(reference: str) -> bytes:
        with Image.open(io.BytesIO(read(reference))) as picture:
            found = change(picture.convert("RGB"))
        buffer = io.BytesIO()
        found.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    return reader
