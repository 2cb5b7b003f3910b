"""Made-up results of single images, for the sources and the fingerprints: those of videos are in `results.py`."""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale.results import picture
from stages.common.frame_filter.prediction import FLAGS
from stages.common.incremental.runner import Item
from stages.common.tables.fingerprints import FEATURE, IMAGES, SIDE, TURN

FEATURES = 256  # of a kind and image: the most that fingerprints keeps


def decoded(encoded: bytes) -> Any:
    """What `filters` makes of an image."""
    from stages.sources.filters import Image as Filtered

    return Filtered(160, 160, encoded, np.zeros((160, 160, 3), np.uint8))


class Histology:
    """A frame filter to which everything is histology."""

    def predict(self, pictures: Any, flags: bool = True) -> Any:
        """Predictions of which only `histology` is there."""
        from types import SimpleNamespace

        return SimpleNamespace(histology=np.ones(len(pictures)))

    def is_histology(self, probability: float) -> bool:
        """Always."""
        return True


def filter_batch(*arguments: Any, **named: Any) -> None:
    """The real one, with that frame filter, and without decoding, in the worker."""
    from stages.sources import batches, filters

    batches.load_filter = lambda model, device: Histology()  # type: ignore[assignment]
    filters._image = decoded
    batches.filter_batch(*arguments, **named)


def download_all(rows: Iterable[Any], *_: Any) -> Iterator[tuple[Any, Any]]:
    """Every address leads to the one image."""
    from stages.sources.laion.download import Download

    for one in rows:
        yield one.row, Download(picture() if one.url else b"")


def write_rows(item: Item, scratch: Path, dims: int, **_: Any) -> None:
    """Fingerprints that have nothing in common, with as many local features as there can be."""
    rows = IMAGES.frame([_fingerprint(reference, dims) for reference in item.data["images"]])
    IMAGES.write(scratch / f"{item.id}.parquet", rows)


def _fingerprint(reference: str, dims: int) -> dict[str, Any]:
    rng = np.random.default_rng(zlib.crc32(reference.encode()))
    vector = rng.standard_normal(dims, dtype=np.float32)
    return {
        "image": reference,
        "sha256": rng.bytes(32).hex(),
        "hash": rng.bytes(32),
        "mirrored": rng.bytes(32),
        "embedding": (vector / np.linalg.norm(vector)).astype(np.float16).tobytes(),
        "blobs": _features(rng),
        "spots": _features(rng),
        "width": 160,
        "height": 160,
        "blur": 0.2,
        "background": 0.1,
        "histology": 0.97,
        **dict.fromkeys([f"flag_{flag}" for flag in FLAGS], 0.1),
        "error": "",
    }


def _features(rng: np.random.Generator) -> bytes:
    table = np.zeros(FEATURES, FEATURE)
    table["word"] = rng.integers(0, 1 << 31, FEATURES)
    for name, end in (("x", SIDE), ("y", SIDE), ("size", 64), ("angle", TURN)):
        table[name] = rng.integers(0, end, FEATURES)
    return table.tobytes()
