"""What an export is made from: the pairs of the dataset that have a split, and the images of its shards."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from stages.common.data.tars import shard_samples
from stages.common.errors import StageError
from stages.common.paths import DATASET_DIR
from stages.common.tables.dataset import DATASET_TABLE, SAMPLE, SPLITS

REMEDY = "run `dvc repro dataset`"
SHOWN = 5  # licenses that a message names


class Shard(NamedTuple):
    """A shard of the dataset."""

    split: str
    path: Path


class ImageOfPairs(NamedTuple):
    """An image of a shard: its key, its JPEG, and the rows of the pairs that it is in."""

    key: str
    jpeg: bytes
    pairs: list[dict[str, Any]]


def kept_pairs(licenses: Sequence[str]) -> pd.DataFrame:
    """The pairs that have a split, by pair_id; of these, where `licenses` are given, the ones whose license has one of
    them in it. Raises StageError where there are none."""
    table = DATASET_TABLE.read(DATASET_TABLE.at())
    table = table.fillna({column.name: "" for column in DATASET_TABLE.columns if column.type == "string"})
    table = table[table.split != ""]
    if licenses:
        stated = table.license.str.casefold()
        fits = stated.map(lambda text: any(wanted.casefold() in text for wanted in licenses)).astype(bool)
        if not fits.any():
            there = ", ".join(f"'{text}'" for text in sorted(set(table.license))[:SHOWN])
            raise StageError(f"--license {' '.join(licenses)}: no pair has such a license; there are {there}")
        table = table[fits]
    if table.empty:
        raise StageError(f"{DATASET_TABLE.at()} has no pair with a split: {REMEDY}")
    return table.set_index("pair_id", drop=False).rename_axis(None)


def shards() -> list[Shard]:
    """The shards of the dataset, split by split. Raises StageError where there are none."""
    found = [Shard(split, path) for split in SPLITS for path in sorted(DATASET_DIR.glob(f"{split}-*.tar"))]
    if not found:
        raise StageError(f"{DATASET_DIR} has no shards: {REMEDY}")
    return found


def images(shard: Shard, pairs: pd.DataFrame) -> Iterator[ImageOfPairs]:
    """Yield the images of a shard that are in `pairs`, the result of kept_pairs."""
    found: list[tuple[str, bytes, list[str]]] = []
    for key, members in shard_samples(shard.path, ("jpg", "json"), REMEDY):
        if not {"jpg", "json"} <= set(members):
            raise StageError(f"{shard.path}: {key} lacks its .jpg or .json: {REMEDY}")
        record = SAMPLE.read_bytes(members["json"].data, f"{shard.path}#{key}.json")
        found.append((key, members["jpg"].data, record["pair_ids"]))
    rows = pairs[pairs.index.isin([name for _, _, names in found for name in names])].to_dict("index")
    for key, jpeg, names in found:
        if own := [rows[name] for name in names if name in rows]:
            yield ImageOfPairs(key, jpeg, own)
