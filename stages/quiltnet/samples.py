"""Which samples the shards of a split hold, and the order in which an epoch sees them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.tars import shard_samples
from stages.common.errors import StageError
from stages.common.tables.dataset import DATASET_TABLE, SAMPLE, Sample
from stages.common.tables.query import rows_of

WINDOW = 16  # shards whose samples are shuffled together: enough for mixing, few enough for the page cache
REMEDY = "run `dvc checkout data/dataset`, or `dvc repro dataset`"


@dataclass(frozen=True)
class Samples:
    """Images of a split, each with its texts; arrays, so that worker processes share them without copies.

    Image n lies in shards[shard[n]] at offset[n], size[n] bytes long, and comes from source[n]; its texts are
    texts[first[n]:first[n + 1]], and texts of equal group say the same. `skipped` counts samples that cannot be used,
    by reason.
    """

    shards: list[Path]
    shard: NDArray[np.int32]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]
    first: NDArray[np.int64]
    texts: Any
    group: NDArray[np.int64]
    source: NDArray[np.str_]
    skipped: dict[str, int]

    def __len__(self) -> int:
        return len(self.shard)

    @property
    def most_texts(self) -> int:
        """The largest number of texts of one image."""
        return int(np.diff(self.first).max(initial=1))


def read_samples(folder: Path, split: str, subset: Collection[str] | None = None) -> Samples:
    """Return the samples of `folder`/SPLIT-*.tar, of those texts whose pair_id is in `subset` if that is given.

    Raises StageError where there are no shards, where one is cut short, and where nothing is left.
    """
    import pyarrow as pa

    shards = sorted(folder.glob(f"{split}-*.tar"))
    if not shards:
        raise StageError(f"{folder} has no {split}-*.tar: run `dvc repro dataset`")
    skipped = {"no_image": 0, "no_text": 0}
    places: list[tuple[int, int, int]] = []
    sources: list[str] = []
    counts: list[int] = []
    texts: list[str] = []
    groups: list[str] = []
    for number, path in enumerate(shards):
        for key, members in shard_samples(path, ("json",), REMEDY):
            record = _record(members["json"].data if "json" in members else None, f"{path}#{key}.json")
            chosen = [n for n, pair in enumerate(record["pair_ids"]) if subset is None or pair in subset]
            if not record["texts"] or "jpg" not in members:
                skipped["no_text" if "jpg" in members else "no_image"] += 1
            elif chosen:
                places.append((number, members["jpg"].offset, members["jpg"].size))
                counts.append(len(chosen))
                sources.append(record["source"])
                texts += [record["texts"][n] for n in chosen]
                groups += [record["text_groups"][n] for n in chosen]
    if not places:
        raise StageError(f"{folder}: no {split} sample is left: check quiltnet.subset, or {REMEDY}")
    shard, offset, size = np.array(places, np.int64).T
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    codes = pd.factorize(pd.Series(groups))[0].astype(np.int64)
    return Samples(
        shards, shard.astype(np.int32), offset, size, first, pa.array(texts), codes, np.array(sources), skipped
    )


def _record(data: bytes | None, where: str) -> Sample:
    """The .json of a sample, that of a sample without texts where it has none."""
    if data is None:
        return Sample(source="", texts=[], pair_ids=[], text_groups=[])
    record = SAMPLE.read_bytes(data, where)
    if not len(record["texts"]) == len(record["pair_ids"]) == len(record["text_groups"]):
        raise StageError(f"{where}: texts, pair_ids and text_groups differ in number: {REMEDY}")
    return record


def subset_of(table: Path, query: str) -> set[str] | None:
    """Pair ids of the rows of pairs.parquet that the pandas `query` finds; None for an empty query.

    Raises as rows_of does.
    """
    return set(rows_of(DATASET_TABLE.read(table), query, "quiltnet.subset").pair_id) if query else None


def order_of(
    samples: Samples,
    seed: int,
    epoch: int,
    pairs: bool = False,
    source_weights: Mapping[str, float] | None = None,
) -> NDArray[np.int64]:
    """The order in which `epoch` sees the samples, or with `pairs` their texts, by number: shards are shuffled, and
    what they hold within WINDOW shards.

    With `source_weights` (upsampling of sources), as many are drawn with replacement, each as likely as its source
    weighs (1 if it is not named). A sample that is drawn again has the number of samples, or of texts, added to its own
    each time.
    """
    each = np.diff(samples.first) if pairs else 1
    shard = np.repeat(samples.shard, each)
    rng = np.random.default_rng([seed, epoch])
    numbers = np.arange(len(shard))
    if source_weights:
        chance = np.repeat(_weights(samples, source_weights), each)
        drawn = np.sort(rng.choice(len(shard), len(shard), p=chance / chance.sum()))
        numbers = drawn + len(shard) * (numbers - np.searchsorted(drawn, drawn))
    where = shard[numbers % len(shard)]
    shards = rng.permutation(len(samples.shards))
    windows = [shards[begin : begin + WINDOW] for begin in range(0, len(shards), WINDOW)]
    return np.concatenate([rng.permutation(numbers[np.isin(where, window)]) for window in windows])


def _weights(samples: Samples, source_weights: Mapping[str, float]) -> NDArray[np.float64]:
    """The weight of each sample's source."""
    known, code = np.unique(samples.source, return_inverse=True)
    if unknown := sorted(set(source_weights) - set(known)):
        raise StageError(f"quiltnet.source_weights: no sample is of '{unknown[0]}' (there are: {', '.join(known)})")
    weights = np.array([source_weights.get(str(name), 1.0) for name in known])
    if not weights.any():
        raise StageError("quiltnet.source_weights: nothing is left to learn from: give a source more than 0")
    return weights[code]


def batches_of(
    order: NDArray[np.int64], size: int, rank: int = 0, world: int = 1, begin: int = 0
) -> list[NDArray[np.int64]]:
    """Batch `begin` and those after it, of `size` samples in all processes together: the part of process `rank`.

    Every process has the same share of a batch, so up to `world` - 1 samples of the last one are left out, and a last
    batch of a single sample, which has no negatives.
    """
    batches = [order[at : at + size] for at in range(0, len(order), size)]
    even = [batch[: len(batch) - len(batch) % world] for batch in batches]
    return [batch[rank::world] for batch in even if len(batch) > 1][begin:]
