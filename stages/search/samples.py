"""Samples of the dataset's shards: an image with its texts."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from stages.common.data.tars import shard_samples
from stages.common.errors import StageError
from stages.common.tables.dataset import SAMPLE

REMEDY = "run `dvc repro dataset`"
SPLITS = ("test", "val", "train")  # what the model has not learned from comes first


class ImageSample(NamedTuple):
    """An image, by reference, with its texts and the pair of each, in one order."""

    image: str
    source: str
    split: str
    texts: list[str]
    pair_ids: list[str]


def shards_of(dataset: Path) -> list[Path]:
    """The shards, held-out ones first. Raises StageError where there is none."""
    if found := [path for split in SPLITS for path in sorted(dataset.glob(f"{split}-*.tar"))]:
        return found
    raise StageError(f"{dataset} has no shards: {REMEDY}")


def samples_of(shard: Path) -> list[ImageSample]:
    """The samples of one shard, in its order. Raises StageError for one that is damaged."""
    found = []
    for key, members in shard_samples(shard, {"json"}, REMEDY):
        if "jpg" in members and "json" in members:
            record = SAMPLE.read_bytes(members["json"].data, f"{shard}#{key}.json")
            image, split = f"{shard.as_posix()}#{key}.jpg", shard.name.partition("-")[0]
            found.append(ImageSample(image, record["source"], split, record["texts"], record["pair_ids"]))
    return found


def first_samples(dataset: Path, count: int) -> list[ImageSample]:
    """Up to `count` samples, held-out ones first; shards are shuffled, so the first are as good as any."""

    def every() -> Iterator[ImageSample]:
        for shard in shards_of(dataset):
            yield from samples_of(shard)

    return list(islice(every(), count))
