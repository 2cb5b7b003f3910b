"""Samples of the dataset's shards: an image with its texts."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stages.common.data.tars import shard_samples
from stages.common.errors import StageError
from stages.common.strata import NOT_STATED, draw
from stages.common.tables.dataset import DATASET_TABLE, SAMPLE

REMEDY = "run `dvc repro dataset`"
SPLITS = ("test", "val", "train")  # what the model has not learned from comes first

STRATA = ("source", "sub_pathology")


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


def drawn_samples(dataset: Path, count: int) -> tuple[list[ImageSample], dict[str, dict[str, int]]]:
    """Up to `count` samples, held-out ones first, and how many of them are of each source and sub-pathology.

    As many are of each source, and within it of each sub-pathology, as far as there are. Within such a stratum
    held-out images come first, then those of the smallest hash, so that most stay when a dataset changes a little.
    """
    drawn = draw(_first_of_strata(dataset / DATASET_TABLE.path.name, count), count, STRATA)
    sizes: dict[str, dict[str, int]] = {}
    for (source, field), own in drawn.groupby([*STRATA]):
        sizes.setdefault(str(source), {})[str(field)] = len(own)
    left, found = {*drawn.pair_id}, []
    for shard in shards_of(dataset):
        if left:
            samples = [sample for sample in samples_of(shard) if not left.isdisjoint(sample.pair_ids)]
            left -= {pair for sample in samples for pair in sample.pair_ids}
            found += samples
    return found, sizes


def _first_of_strata(table: Path, count: int) -> pd.DataFrame:
    """Of each stratum up to `count` images, a row for each, in order; memory does not grow with the table."""
    first = pd.DataFrame()
    for rows in DATASET_TABLE.read_parts(table):
        kept = rows[rows.split != ""]
        own = kept[["pair_id", "image", "source"]].assign(
            sub_pathology=kept.sub_pathology.fillna("").replace("", NOT_STATED),
            turn=kept.split.map(SPLITS.index),
            place=pd.util.hash_array(kept.image.to_numpy(object), categorize=False),
        )
        every = pd.concat([first, own]).sort_values(["turn", "place", "pair_id"])
        first = every.drop_duplicates("image").groupby([*STRATA]).head(count)
    return first
