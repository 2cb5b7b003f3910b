"""Webdataset shards: one sample an image, with all its texts."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image

from stages.common.files import ImageReader, jpeg, write_tar
from stages.dataset.merge import SPLITS


def write_shards(
    table: pd.DataFrame, out: Path, max_side: int, shard_size: int, min_shards: int, seed: int, jobs: int
) -> dict[str, int]:
    """Pack the rows of `table` that have a split into `out`/SPLIT-NNNNNN.tar; return samples per split.

    A sample is KEY.jpg (longest side at most `max_side` pixels; a JPEG that is small enough keeps its bytes), KEY.txt
    (its first text) and KEY.json (texts, pair_ids and text_groups, in one order, and source). Samples are shuffled
    with `seed`; a split has at least `min_shards` shards where it has as many samples.
    """
    from tqdm import tqdm

    kept = table[table.split != ""]
    counted, plans, names = {}, [], set()
    for split in SPLITS:
        samples = _samples(kept[kept.split == split])
        counted[split] = len(samples)
        order = np.random.default_rng(seed).permutation(len(samples))
        parts = max(-(-len(samples) // shard_size), min(min_shards, len(samples)))
        for number, rows in enumerate(np.array_split(order, parts) if parts else []):
            path = out / f"{split}-{number:06d}.tar"
            names.add(path)
            plans.append((path, [samples[row] for row in rows]))
    pool = Parallel(n_jobs=jobs, return_as="generator_unordered")
    done = pool(delayed(_write)(path, part, max_side) for path, part in plans)
    for _ in tqdm(done, total=len(plans), desc="shards", unit="shard"):
        pass
    for old in set(out.glob("*-*.tar")) - names:
        old.unlink()
    return counted


Sample = tuple[str, str, dict[str, Any]]  # key, image reference, record


def _samples(rows: pd.DataFrame) -> list[Sample]:
    """One sample an image, in order of images."""
    names = ["image", "pair_id", "text", "text_group", "source"]
    columns = [rows.sort_values(["image", "pair_id"])[name].tolist() for name in names]
    samples: list[Sample] = []
    for image, pair_id, text, group, source in zip(*columns, strict=True):
        if not samples or samples[-1][1] != image:
            samples.append((pair_id, image, {"source": source, "texts": [], "pair_ids": [], "text_groups": []}))
        record = samples[-1][2]
        record["texts"].append(text)
        record["pair_ids"].append(pair_id)
        record["text_groups"].append(group)
    return samples


def _write(path: Path, part: list[Sample], max_side: int) -> None:
    reader = ImageReader()
    members: dict[str, bytes] = {}
    for key, image, record in part:
        members[f"{key}.jpg"] = shrink(reader.read(image), max_side)
        members[f"{key}.txt"] = record["texts"][0].encode()
        members[f"{key}.json"] = json.dumps(record, sort_keys=True).encode()
    write_tar(path, members)


def shrink(data: bytes, max_side: int) -> bytes:
    """Return the image as JPEG no larger than `max_side`; a JPEG that is small enough stays as it is."""
    with Image.open(io.BytesIO(data)) as image:
        if max(image.size) <= max_side and image.format == "JPEG":
            return data
        small = image.convert("RGB")
        small.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
        return jpeg(small)
