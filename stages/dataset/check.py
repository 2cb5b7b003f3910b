"""Check a dataset: every pair has its image, every image decodes, nothing is left over, the counts agree."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import read_json
from stages.common.data.pictures import decode
from stages.common.data.tars import shard_samples
from stages.common.errors import Rejected, StageError
from stages.common.tables.dataset import DATASET_TABLE, SAMPLE, SPLITS

MEMBERS = (".jpg", ".json", ".txt")
SHOWN = 5  # problems that the message names


def check(folder: Path, metrics: Path) -> dict[str, Any]:
    """Read every shard in `folder`. Raises StageError with the first problems where there are any."""
    from tqdm import tqdm

    table = DATASET_TABLE.read(folder / DATASET_TABLE.path.name, ["pair_id", "split"])
    split_of = dict(zip(table.pair_id, table.split, strict=True))
    problems: list[str] = []
    seen: Counter[str] = Counter()
    samples: Counter[str] = Counter()
    shards = [path for split in SPLITS for path in sorted(folder.glob(f"{split}-*.tar"))]
    for path in tqdm(shards, desc="shards", unit="shard"):
        split = path.name.rsplit("-", 1)[0]
        for key, members in _readable_samples(path, problems):
            samples[split] += 1
            problems += [f"{path.name}: {key}{suffix} is missing" for suffix in MEMBERS if suffix not in members]
            problems += _undecodable(path, key, members.get(".jpg"))
            for pair in _pairs_of(path, key, members.get(".json"), problems):
                seen[pair] += 1
                if split_of.get(pair, "") != split:
                    problems.append(f"{path.name}: {pair} is an orphan: pairs.parquet has it as {split_of.get(pair)!r}")
    kept = {pair for pair, split in split_of.items() if split}
    problems += [f"pairs.parquet: {pair} has no image in any shard" for pair in sorted(kept - seen.keys())]
    problems += [f"{pair} is in {count} samples" for pair, count in sorted(seen.items()) if count > 1]
    problems += _wrong_counts(read_json(metrics), table, samples)
    if problems:
        raise StageError(
            f"{len(problems)} problems in {folder}: {'; '.join(problems[:SHOWN])}: run `dvc repro --force dataset`"
        )
    return {"items": sum(samples.values()), "pairs": len(kept), "shards": len(shards)}


def _readable_samples(path: Path, problems: list[str]) -> list[tuple[str, dict[str, bytes]]]:
    try:
        samples = list(shard_samples(path, ("jpg", "json"), "it is written anew"))
    except (StageError, OSError) as error:
        problems.append(f"{path.name}: {error}")
        return []
    return [(key, {f".{suffix}": member.data for suffix, member in members.items()}) for key, members in samples]


def _pairs_of(path: Path, key: str, record: bytes | None, problems: list[str]) -> list[str]:
    try:
        return SAMPLE.read_bytes(record, f"{path.name}#{key}.json")["pair_ids"] if record is not None else []
    except StageError as error:
        problems.append(str(error))
        return []


def _undecodable(path: Path, key: str, data: bytes | None) -> list[str]:
    try:
        decode(data or b"")
    except Rejected as why:
        return [f"{path.name}: {key}.jpg: {why.reason}"]
    return []


def _wrong_counts(metrics: dict[str, Any], table: pd.DataFrame, samples: Counter[str]) -> list[str]:
    """Where the counts in the metrics differ from those of the files."""
    pairs = {split: int((table.split == split).sum()) for split in SPLITS}
    images = {split: samples[split] for split in SPLITS}
    counted = {"per_split": pairs, "images_per_split": images}
    return [
        f"metrics say {name} {metrics[name]}, there are {found}"
        for name, found in counted.items()
        if metrics[name] != found
    ]
