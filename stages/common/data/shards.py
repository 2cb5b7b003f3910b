"""Rows of webdataset shards: tars, compressed or not, in which the files of one sample have one name."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from stages.common.data.delimited import BLOCK, COMPRESSED, Row, open_bytes
from stages.common.data.lookup import ENDINGS
from stages.common.data.reading import Damage
from stages.common.data.references import BROKEN
from stages.common.data.tars import Header

IMAGE = "image"  # column of a sample's image
TEXTS = (".txt", ".text", ".caption", ".captions")
SHORT = 1_000_000  # bytes of a text
LARGEST = 200_000_000  # bytes of a sample's images that are read from a compressed shard, which cannot be referred to


class Reference(str):
    """A reference to an image, where a table has names."""


def shard_rows(path: Path) -> Iterator[Row | Damage]:
    """Yield a row for each sample of a shard: its image or images, as references or, where the shard is compressed, as
    bytes; its text; and what its JSON holds. Of a sample with several images and a text for each, a row for each.

    webdataset itself reads members of any length, and all of them.
    """
    compressed = path.suffix.lower() in COMPRESSED
    lost = {IMAGE: None} if _holds_images(path) else {}  # not to be looked for by its key: other shards have the same
    with open_bytes(path) as file:
        with tarfile.open(fileobj=file, mode="r:", tarinfo=Header) as tar:
            sample = _Sample("", "")
            for info in tar:
                place = PurePosixPath(info.name)
                if not info.isfile() or place.name.startswith("."):
                    continue
                stem, _, rest = place.name.partition(".")
                key = str(place.with_name(stem))
                if key != sample.key:
                    yield from (lost | row for row in sample.rows())
                    sample = _Sample(key, stem)
                part, ending = PurePosixPath(f"_.{rest}").stem, PurePosixPath(f"_.{rest}").suffix.lower()
                if ending in ENDINGS and compressed and info.size + sample.held > LARGEST:
                    yield Damage("image_too_large", f"{info.name}: {info.size} bytes")
                elif ending in ENDINGS:
                    sample.images[part] = _read(tar, info) if compressed else Reference(f"{path}#{info.name}")
                elif ending in (*TEXTS, ".json") and info.size > SHORT:
                    yield Damage("broken_row", f"{info.name}: {info.size} bytes of text")
                elif ending in TEXTS:
                    sample.texts.setdefault(part, []).append(_read(tar, info).decode("utf-8", "replace"))
                elif ending == ".json":
                    try:
                        sample.add(json.loads(_read(tar, info)))
                    except (ValueError, RecursionError):
                        yield Damage("broken_row", f"{info.name}: not JSON")
            yield from (lost | row for row in sample.rows())
        while file.read(BLOCK):  # up to the sum that tells whether what was compressed is whole
            pass


def _holds_images(path: Path) -> bool:
    """Whether there are images in a shard, and not texts alone, whose images are in another tar."""
    with open_bytes(path) as file, tarfile.open(fileobj=file, mode="r:", tarinfo=Header) as tar:
        try:
            return any(info.name.lower().endswith(ENDINGS) for info in tar)
        except (OSError, *BROKEN):  # what is read of it says so
            return False


def _read(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(info)
    return file.read() if file else b""


class _Sample:
    """What a shard has of one sample; images and texts by what of their names stands before the ending."""

    def __init__(self, key: str, stem: str) -> None:
        self.key, self._stem = key, stem
        self.images: dict[str, bytes | str] = {}
        self.texts: dict[str, list[str]] = {}
        self._said: dict[str, Any] = {}

    @property
    def held(self) -> int:
        """Bytes of the images that are in memory."""
        return sum(len(image) for image in self.images.values() if isinstance(image, bytes))

    def add(self, value: Any) -> None:
        """Add what a JSON file says: an object, or the text alone."""
        if isinstance(value, dict):
            self._said |= value
        elif isinstance(value, str | list):
            self._said["text"] = value

    def rows(self) -> Iterator[Row]:
        """The sample's row, or one for each image that has a text of its own."""
        if not self.images and not self.texts and not self._said:
            return
        row = self._said | {"key": self._said.get("key", self._stem)}
        if len(self.texts) > 1 and set(self.images) <= set(self.texts):
            for part, image in self.images.items():
                yield {**row, IMAGE: image, "text": self.texts[part]}
            return
        images, texts = list(self.images.values()), [text for several in self.texts.values() for text in several]
        row |= {IMAGE: images[0] if len(images) == 1 else images} if images else {}
        yield row | ({"text": texts[0] if len(texts) == 1 else texts} if texts else {})
