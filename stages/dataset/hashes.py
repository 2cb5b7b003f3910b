"""Perceptual hashes of images and the near duplicates among them."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image

from stages.common.errors import StageError

SIDE = 16  # 16 x 16 = 256 bits
BLOCK = 512  # rows compared at a time


def perceptual_hash(data: bytes, name: str) -> NDArray[np.uint8]:
    """Return the 256-bit DCT hash (imagehash.phash) of an encoded image as 32 bytes; `name` is for the error."""
    import imagehash

    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.packbits(imagehash.phash(image.convert("RGB"), hash_size=SIDE).hash)
    except OSError as error:
        raise StageError(f"{name} is not an image: {error}") from None


def perceptual_hashes(images: Sequence[tuple[str, bytes]], jobs: int) -> NDArray[np.uint8]:
    """Return (n, 32) hashes of (name, encoded image)."""
    rows = Parallel(n_jobs=jobs)(delayed(perceptual_hash)(data, name) for name, data in images)
    return np.stack(rows) if rows else np.zeros((0, SIDE * SIDE // 8), np.uint8)


def near(left: NDArray[np.uint8], right: NDArray[np.uint8], bits: int) -> Iterator[tuple[int, int]]:
    """Yield (i, j), in order, for every row i of `left` and j of `right` that differ in at most `bits` bits."""
    for begin in range(0, len(left), BLOCK):
        distance = np.bitwise_count(left[begin : begin + BLOCK, None] ^ right[None]).sum(-1, dtype=np.int32)
        for i, j in np.argwhere(distance <= bits):
            yield begin + int(i), int(j)
