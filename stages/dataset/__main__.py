"""Merge the sources, drop copies and leaks, split by group, pack shards: this is QUILT-1M, in data/dataset.

`check` reads the finished dataset and says what is wrong with it.
"""

import functools
from typing import Any

from stages.common.errors import StageError
from stages.common.paths import DATASET_DIR, REVIEWS_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.dataset.params import Params


def run(params: Params, base: Base, what: str) -> dict[str, Any]:
    """Make the merged dataset out of `params.sources`, or check it."""
    import pandas as pd

    from stages.common.data.files import write_bytes, write_json
    from stages.common.models.device import cores
    from stages.common.reviews import read_reviews
    from stages.common.stage.notes import NOTE, note_on_dataset
    from stages.common.stage.params import load_all_params
    from stages.common.tables.dataset import DATASET_TABLE
    from stages.common.tables.fingerprints import EVALSET_IMAGES, IMAGES, SIMILARITIES
    from stages.dataset.card import write_card, write_croissant
    from stages.dataset.check import check
    from stages.dataset.crops import verifier
    from stages.dataset.fingerprints import Fingerprints
    from stages.dataset.merge import leaks_left, merge
    from stages.dataset.reviewed import marked
    from stages.dataset.second_look import second_look
    from stages.dataset.shards import write_shards

    if what == "check":
        return check(DATASET_DIR, metrics_file("dataset"))
    pairs = pd.concat([_pairs_of(name) for name in params.sources], ignore_index=True)
    pairs = pairs.merge(SIMILARITIES.read(SIMILARITIES.at()), on="pair_id", how="left")
    # Local features of a million images are gigabytes: they are read where they are looked at.
    images = IMAGES.read(IMAGES.at(), without=["spots", "blobs", "embedding", "mirrored"])
    tests = EVALSET_IMAGES.read(EVALSET_IMAGES.at(), without=["spots"])
    fingerprints = functools.partial(Fingerprints.read, IMAGES)
    verify, jobs = verifier(base.jobs), cores() if base.jobs < 0 else base.jobs
    gone = marked(read_reviews(REVIEWS_DIR), pairs)
    table = merge(pairs, images, tests, fingerprints, params, base.seed, verify, jobs, gone)
    left = leaks_left(table, images, tests, params.phash_distance)
    del pairs, images, tests
    DATASET_TABLE.write(DATASET_TABLE.at(), table)
    packed = write_shards(
        table, DATASET_DIR, params.max_side, params.shard_size, params.min_shards, base.seed, base.jobs
    )
    spots, others = (one.read(one.at(), ["image", "spots", "error"]) for one in (IMAGES, EVALSET_IMAGES))
    second = second_look(table, spots, others, base.seed, verify, jobs)
    metrics = _metrics(table, packed) | {"leaks_left": left | {"second_look": second}}
    all_params = load_all_params()
    note = note_on_dataset(all_params)
    write_bytes(DATASET_DIR / NOTE, note.encode())
    write_card(DATASET_DIR, table, metrics, all_params["report"].title, note)  # type: ignore[attr-defined]
    write_croissant(DATASET_DIR, "quilt-1m-pipeline-dataset")
    write_json(metrics_file("dataset"), metrics)
    return {"items": len(table), "pairs": metrics["pairs"], "images": metrics["images"]}


def _pairs_of(source: str) -> Any:
    """The pairs of a source. Raises StageError where no stage has made any, or where its folder holds nothing."""
    from stages.common.tables.pairs import PAIR_TABLE
    from stages.common.tables.sources import DROPPED, MORE_DROPPED, MORE_PAIRS, SOURCE_PAIRS

    if source == "quilt" and PAIR_TABLE.at().exists():
        return PAIR_TABLE.read(PAIR_TABLE.at())
    for group, pairs, dropped in (("sources", SOURCE_PAIRS, DROPPED), ("sources.more", MORE_PAIRS, MORE_DROPPED)):
        if pairs.at(name=source).exists():
            found = pairs.read(pairs.at(name=source))
            if found.empty and dropped.read(dropped.at(name=source)).empty:
                raise StageError(
                    f"dataset.sources names {source}, but {group}.{source}.folder holds nothing: "
                    f"fill it, or leave {source} out"
                )
            return found
    raise StageError(f"dataset.sources names {source}, which no stage has made: run `dvc repro`, or leave {source} out")


def _metrics(table: Any, packed: dict[str, int]) -> dict[str, Any]:
    kept, dropped = table[table.split != ""], table[table["drop"] != ""]
    words = kept.text.str.count(r"\S+")
    return {
        "candidates": len(table),
        "pairs": len(kept),
        "images": int(kept.image.nunique()),
        "texts": int(kept.text_group.nunique()),
        "per_source": _sizes(kept.groupby("source")),
        "per_split": {split: int((kept.split == split).sum()) for split in packed},
        "images_per_split": packed,
        "shards": {split: len(list(DATASET_DIR.glob(f"{split}-*.tar"))) for split in packed},
        "dropped": _sizes(dropped.groupby("drop")),
        "dropped_per_source": {str(name): _sizes(rows.groupby("drop")) for name, rows in dropped.groupby("source")},
        "words_per_text": float(words.mean()) if len(kept) else 0.0,
    }


def _sizes(groups: Any) -> dict[str, int]:
    return {str(name): int(size) for name, size in groups.size().items()}


if __name__ == "__main__":
    run_stage("dataset", run, __doc__, choices=("merge", "check"), default="merge")
