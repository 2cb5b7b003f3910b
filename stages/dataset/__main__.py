"""Merge the sources, drop copies and leaks, split by group, pack shards: this is QUILT-1M, in data/dataset.

`check` reads the finished dataset and says what is wrong with it.
"""

from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.dataset.params import Params

OUT, METRICS = Path("data/dataset"), Path("reports/metrics/dataset.json")
PAIRS, SOURCES, FINGERPRINTS = Path("data/pairs/pairs.parquet"), Path("data/sources"), Path("data/fingerprints")


def run(params: Params, base: Base, what: str) -> dict[str, Any]:
    """Make the merged dataset out of `params.sources`, or check it."""
    import pandas as pd

    from stages.common.data.files import write_bytes, write_json, write_table
    from stages.common.errors import StageError
    from stages.common.stage.notes import NOTE, note_on_dataset
    from stages.common.stage.params import load_all_params
    from stages.dataset.card import write_card
    from stages.dataset.check import check
    from stages.dataset.croissant import write_croissant
    from stages.dataset.crops import verifier
    from stages.dataset.merge import leaks_left, merge
    from stages.dataset.shards import write_shards

    if what == "check":
        return check(OUT, METRICS)
    places = {"quilt": PAIRS} | {name: SOURCES / name / "pairs.parquet" for name in params.sources if name != "quilt"}
    tables = {name: pd.read_parquet(places[name]) for name in params.sources}
    for name, found in tables.items():
        if name != "quilt" and found.empty and pd.read_parquet(SOURCES / name / "dropped.parquet").empty:
            raise StageError(
                f"dataset.sources names {name}, but sources.{name}.folder holds nothing: fill it, or leave {name} out"
            )
    pairs = pd.concat(tables.values(), ignore_index=True)
    images, tests, fit = (
        pd.read_parquet(FINGERPRINTS / f"{name}.parquet") for name in ("images", "evalsets", "similarity")
    )
    pairs = pairs.merge(fit, on="pair_id", how="left")
    table = merge(pairs, images, tests, params, base.seed, verifier(base.jobs))
    write_table(OUT / "pairs.parquet", table)
    packed = write_shards(table, OUT, params.max_side, params.shard_size, params.min_shards, base.seed, base.jobs)
    metrics = _metrics(table, packed) | {"leaks_left": leaks_left(table, images, tests, params.phash_distance)}
    all_params = load_all_params()
    note = note_on_dataset(all_params)
    write_bytes(OUT / NOTE, note.encode())
    write_card(OUT, table, metrics, all_params["report"].title, note)  # type: ignore[attr-defined]
    write_croissant(OUT, "quilt-1m-pipeline-dataset")
    write_json(METRICS, metrics)
    return {"items": len(table), "pairs": metrics["pairs"], "images": metrics["images"]}


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
        "shards": {split: len(list(OUT.glob(f"{split}-*.tar"))) for split in packed},
        "dropped": _sizes(dropped.groupby("drop")),
        "dropped_per_source": {str(name): _sizes(rows.groupby("drop")) for name, rows in dropped.groupby("source")},
        "words_per_text": float(words.mean()) if len(kept) else 0.0,
    }


def _sizes(groups: Any) -> dict[str, int]:
    return {str(name): int(size) for name, size in groups.size().items()}


if __name__ == "__main__":
    run_stage("dataset", run, __doc__, choices=("merge", "check"), default="merge")
