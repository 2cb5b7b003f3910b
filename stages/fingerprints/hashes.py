"""Perceptual hashes, of an image and of its mirror image."""

import numpy as np
from PIL import Image

from stages.common.data.arrays import Picture

SIDE = 16  # 16 x 16 = 256 bits
LONG_SIDE = 4 * SIDE  # pixels that the transform looks at


def perceptual_hashes(picture: Picture) -> tuple[bytes, bytes]:
    """The 256-bit DCT hashes (imagehash.phash), as 32 bytes, of an RGB image and of its mirror image."""
    import imagehash

    small = Image.fromarray(picture).convert("L").resize((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    mirror = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    first, second = (imagehash.phash(image, hash_size=SIDE).hash for image in (small, mirror))
    return np.packbits(first).tobytes(), np.packbits(second).tobytes()
