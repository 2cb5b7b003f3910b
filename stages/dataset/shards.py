"""Webdataset shards: one sample an image, with all its texts."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stages.common.files import jpeg, read_images, write_tar


def write_shards(table: pd.DataFrame, out: Path, max_side: int, shard_size: int, seed: int) -> dict[str, int]:
    """Pack the rows of `table` that have a split into `out`/SPLIT-NNNNNN.tar; return samples per split.

    A sample is KEY.jpg (longest side at most `max_side` pixels), KEY.txt (its first text) and KEY.json (all texts,
    pair ids, source). Samples are shuffled with `seed`.
    """
    for old in out.glob("*-*.tar"):
        old.unlink()
    counted = {}
    for split in ("train", "val", "test"):
        rows = table[table.split == split]
        samples = [(str(image), group) for image, group in rows.groupby("image", sort=True)]
        order = np.random.default_rng(seed).permutation(len(samples))
        counted[split] = len(samples)
        for number, begin in enumerate(range(0, len(order), shard_size)):
            part = [samples[i] for i in order[begin : begin + shard_size]]
            encoded = read_images(image for image, _ in part)
            members: dict[str, bytes] = {}
            for image, group in part:
                key = str(group.pair_id.iloc[0])
                members[f"{key}.jpg"] = shrink(encoded[image], max_side)
                members[f"{key}.txt"] = str(group.text.iloc[0]).encode()
                record = {
                    "texts": group.text.tolist(),
                    "pair_ids": group.pair_id.tolist(),
                    "source": group.source.iloc[0],
                }
                members[f"{key}.json"] = json.dumps(record, sort_keys=True).encode()
            write_tar(out / f"{split}-{number:06d}.tar", members)
    return counted


def shrink(data: bytes, max_side: int) -> bytes:
    """Return the image as JPEG no larger than `max_side`; a JPEG that is small enough stays as it is."""
    with Image.open(io.BytesIO(data)) as image:
        if max(image.size) <= max_side and image.format == "JPEG":
            return data
        small = image.convert("RGB")
        small.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
        return jpeg(small)
