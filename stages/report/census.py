"""One pass over the table of all candidates: what there is, and a few rows of each kind, whatever the number of pairs.

The table is read a batch of rows at a time, so that memory does not grow with it.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.common.reviews import WITHDRAWN_REASON, image_of
from stages.common.tables.dataset import DATASET_TABLE

BATCH = 20_000  # rows that are in memory at once
COUNTED = ("source", "sub_pathology", "magnification", "magnification_how", "license", "kind", "reason", "split")
BINS = {"words": 5, "side": 100, "confidence": 0.05, "similarity": 0.05, "blur": 0.05}  # how wide a bin is
SHARES = ("confidence", "similarity", "blur")  # of which the last bin holds 1, too
EXAMPLES = 3  # of what was dropped for one reason
CERTAIN = 1.0  # confidence of a pair that nobody doubts
SHOWN = [
    *("pair_id", "source", "video_id", "hold_id", "image", "start_s", "end_s", "text", "kind", "box", "entities"),
    *("sub_pathology", "magnification", "magnification_how", "width", "height", "confidence", "reason", "license"),
    *("similarity", "split", "drop", "duplicate_of", "blur"),
]  # columns that are read


class Census:
    """Counts and examples of the candidates in `path`, drawn with `seed`; `gallery` is how many make a large sample.

    `candidates` and `kept` are numbers of pairs. `counts` has, for each of COUNTED, how many kept pairs have each
    value; `bins`, for each of BINS, how many lie in the bin that begins at a number; `types` and `terms` how often kept
    texts name each type and each term, and `negated` how many of these mentions deny it. `dropped` counts by source and
    reason. Examples are the rows whose pair_id has the smallest hash: those that stay keep their places. `withdrawn`
    are the images that must not be shown: those that were dropped as such, and of whatever else was dropped those whose
    ids (stages.common.reviews.image_of) are in `marked`.
    """

    def __init__(self, path: Path, seed: int, gallery: int, marked: Collection[str] = ()) -> None:
        self.path, self.gallery, self._marked = path, gallery, marked
        self.withdrawn: set[str] = set()
        self._key = f"{seed:016d}"[-16:]
        self.candidates = self.kept = self.negated = 0
        self.counts: dict[str, Counter[Any]] = {name: Counter() for name in COUNTED}
        self.bins: dict[str, Counter[float]] = {name: Counter() for name in BINS}
        self.types: Counter[str] = Counter()
        self.terms: Counter[str] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], pd.DataFrame] = {}
        for rows in read_batches(path, SHOWN):
            self._add(rows)

    def examples(self, kind: str, value: str = "") -> list[Any]:
        """Rows of SHOWN: of kind `drop`, `reason` or `sub_pathology` those with a value; `negated`, where a text denies
        something; `doubtful` ones, the least confident first; a `sample` of the kept ones."""
        return list(self._examples.get((kind, value), pd.DataFrame()).itertuples())

    def values(self, kind: str) -> list[str]:
        """The values of which there are examples of this kind, in order."""
        return sorted(value for found, value in self._examples if found == kind)

    def rows_of(self, pair_ids: Iterable[str]) -> dict[str, Any]:
        """The rows of SHOWN of some pairs, by pair_id."""
        wanted = {*pair_ids} - {""}
        batches = read_batches(self.path, SHOWN) if wanted else ()
        found = (row for rows in batches for row in rows[rows.pair_id.isin(wanted)].itertuples())
        return {row.pair_id: row for row in found}

    def _add(self, rows: pd.DataFrame) -> None:
        hashes = pd.util.hash_array(rows.pair_id.to_numpy(object), hash_key=self._key, categorize=False)
        texts = rows.select_dtypes(exclude="number").fillna("")
        rows = rows.assign(**dict(texts.items()), place=hashes)
        kept, dropped = rows[rows.split != ""], rows[rows.split == ""]
        self.candidates += len(rows)
        self.kept += len(kept)
        self.dropped.update(zip(dropped.source, dropped["drop"], strict=True))
        self.withdrawn.update(dropped.image[dropped["drop"] == WITHDRAWN_REASON])
        self.withdrawn.update(one for one in (dropped.image if self._marked else ()) if image_of(one) in self._marked)
        for name in COUNTED:
            self.counts[name].update(kept[name].astype(object).where(kept[name].notna(), None))
        numbers = kept.assign(words=kept.text.str.split().str.len(), side=kept[["width", "height"]].max(axis=1))
        for name, width in BINS.items():
            values = numbers[name].dropna()
            values = values.clip(upper=1 - width) if name in SHARES else values
            bins = np.floor(values / width + 1e-9) * width
            self.bins[name].update(bins.round(6).tolist())
        for entity in (one for text in kept.entities for one in json.loads(text or "[]")):
            self.types[entity["semantic_type"]] += 1
            self.terms[entity["term"].lower()] += 1
            self.negated += bool(entity.get("negated"))
        self._keep("sample", "", kept, self.gallery)
        self._keep("doubtful", "", kept[kept.confidence < CERTAIN], self.gallery, ["confidence", "place"])
        self._keep("negated", "", kept[kept.entities.str.contains('"negated": true', regex=False)], 1)
        for kind, own, count in (("drop", dropped, EXAMPLES), ("reason", kept, 1), ("sub_pathology", kept, 1)):
            for value, group in own.groupby(kind):
                if value:
                    self._keep(kind, str(value), group, count)

    def _keep(self, kind: str, value: str, rows: pd.DataFrame, count: int, order: Sequence[str] = ("place",)) -> None:
        best = rows.sort_values(list(order)).head(count)
        if (before := self._examples.get((kind, value))) is not None:
            best = pd.concat([before, best]).sort_values(list(order)).head(count)
        if len(best):
            self._examples[kind, value] = best


def read_batches(path: Path, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Rows of the dataset's table, BATCH at a time. Raises StageError like Table.read."""
    import pyarrow.parquet as pq

    DATASET_TABLE.read(path, [])  # says in one line what is wrong with it
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH, columns=list(columns)):
            yield batch.to_pandas()
