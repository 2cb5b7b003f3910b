"""Fingerprints of images as the searches for copies want them: arrays, not the objects of a table, since those of a
million images are gigabytes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.tables.fingerprints import FEATURE
from stages.common.tables.schema import Table
from stages.dataset.words import Features

HASH_BYTES = 32
COLUMNS = ["image", "sha256", "hash", "mirrored", "embedding"]  # those of `blobs` are read apart


@dataclass(frozen=True)
class Fingerprints:
    """Of n images: references, digests of their bytes, perceptual hashes (n, 32), those of their mirror images, unit
    embeddings (n, d), and local features."""

    images: NDArray[np.object_]
    sha256: NDArray[np.object_]
    hashes: NDArray[np.uint8]
    mirrored: NDArray[np.uint8]
    embeddings: NDArray[np.float16]
    blobs: Features

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Fingerprints":
        """The rows of a table of stages.fingerprints, none of which may have an error."""
        return cls._of(table, Features.of(table.blobs))

    @classmethod
    def read(cls, source: Table, images: pd.Series) -> "Fingerprints":
        """Those of `images`, in this order, from the file of a table of stages.fingerprints, a part at a time."""
        import pyarrow as pa

        rows = source.read(source.at(), COLUMNS).set_index("image").loc[images].reset_index()
        place = pd.Series(np.arange(len(images)), index=images.to_numpy())
        counts = np.zeros(len(images), np.int64)
        for at, blob in _blobs(source, place):
            counts[at] = len(blob) // FEATURE.itemsize
        ends = np.cumsum(counts)
        table = np.empty(counts.sum(), FEATURE)
        for at, blob in _blobs(source, place):
            table[ends[at] - counts[at] : ends[at]] = np.frombuffer(blob, FEATURE)
        pa.default_memory_pool().release_unused()  # what Arrow keeps of the file for later
        return cls._of(rows, Features.counted(table, counts))

    @classmethod
    def _of(cls, table: pd.DataFrame, blobs: Features) -> "Fingerprints":
        hashes, mirrored = hash_rows(table.hash), hash_rows(table.mirrored)
        vectors = np.frombuffer(b"".join(table.embedding), np.float16).reshape(len(table), -1 if len(table) else 1)
        names = table.image.to_numpy(object), table.sha256.to_numpy(object)
        return cls(*names, hashes, mirrored, vectors, blobs)


def _blobs(source: Table, place: pd.Series) -> Iterator[tuple[int, bytes]]:
    """The place and the features of each image that has one."""
    for part in source.read_parts(source.at(), ["image", "blobs"]):
        known = part[part.image.isin(place.index)]
        yield from zip(place[known.image], known.blobs, strict=True)


def hash_rows(column: pd.Series) -> NDArray[np.uint8]:
    """(n, 32) bytes of a column of hashes."""
    return np.frombuffer(b"".join(column), np.uint8).reshape(-1, HASH_BYTES)
