"""Merge the sources, drop duplicates and leaks, split by group, pack shards: this is QUILT-1M, in data/dataset."""

from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.dataset.params import Params

OUT = Path("data/dataset")


def make(block: Params, base: Base) -> dict[str, Any]:
    """Make the merged dataset out of `block.sources`."""
    import hashlib

    import numpy as np

    from stages.common.files import read_images, write_json, write_table
    from stages.common.params import load
    from stages.dataset.croissant import write_croissant
    from stages.dataset.hashes import perceptual_hashes
    from stages.dataset.merge import merge
    from stages.dataset.shards import write_shards

    pairs = _candidates(block.sources)
    encoded = read_images(sorted(set(pairs.image)))
    hashed = perceptual_hashes(list(encoded.items()), base.jobs)
    evaluation, _ = load("evaluation")
    table = merge(
        pairs,
        {name: hashlib.sha256(data).hexdigest() for name, data in encoded.items()},
        dict(zip(encoded, hashed, strict=True)),
        _test_hashes(evaluation.protocol, Path(evaluation.evalsets), base.jobs),
        block,
        base.seed,
    )
    write_table(OUT / "pairs.parquet", table)
    samples = write_shards(table, OUT, block.max_side, block.shard_size, base.seed)
    write_croissant(OUT, "quilt-1m-pipeline-dataset")
    kept = table[table.split != ""]
    dropped = table[table["drop"] != ""]
    metrics = {
        "candidates": len(table),
        "pairs": len(kept),
        "images": int(kept.image.nunique()),
        "per_source": {str(k): int(v) for k, v in kept.groupby("source").size().items()},
        "per_split": {split: int((kept.split == split).sum()) for split in ("train", "val", "test")},
        "images_per_split": samples,
        "dropped": {str(k): int(v) for k, v in dropped.groupby("drop").size().items()},
        "words_per_text": float(np.mean(kept.text.str.split().str.len())) if len(kept) else 0.0,
    }
    write_json(Path("reports/metrics/dataset.json"), metrics)
    return {"items": len(table), "pairs": len(kept), "images": metrics["images"]}


def _candidates(sources: list[str]) -> Any:
    import pandas as pd

    from stages.common.errors import StageError

    places = {"quilt": Path("data/pairs/pairs.parquet")}
    places |= {name: Path(f"data/sources/{name}/pairs.parquet") for name in ("pubmed", "openpath", "laion")}
    if unknown := [name for name in sources if name not in places]:
        raise StageError(f"dataset.sources: no source '{unknown[0]}' (known: {', '.join(places)})")
    return pd.concat([pd.read_parquet(places[name]) for name in sources], ignore_index=True)


def _test_hashes(protocol: str, folder: Path, jobs: int) -> list[tuple[str, Any]]:
    """Hashes of every image of every evalset, its training images too: neither may be trained on."""
    from stages.common.evalsets import load_protocol, read_evalset
    from stages.dataset.hashes import perceptual_hashes

    found = []
    for name, evalset in load_protocol(protocol).evalsets.items():
        paths = read_evalset(folder, name, evalset).path
        found.append((name, perceptual_hashes([(path, Path(path).read_bytes()) for path in paths], jobs)))
    return found


if __name__ == "__main__":
    run_stage("dataset", make, __doc__)
