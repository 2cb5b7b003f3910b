"""A pool in the form of DataComp, which is that of img2dataset with a uid for each sample, and subsets of it as uids.

A sample is a pair, so an image with two texts is in the pool twice. DataComp's resharder makes shards of the samples
that a subset names; open_clip_train reads those and the pool's own.
"""

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.files import write_bytes, write_json, write_table
from stages.common.data.tars import write_tar
from stages.export.inputs import ImageOfPairs, images, shards

UIDS = np.dtype("u8,u8")  # what the resharder reads: the upper and the lower 64 bits


def write_pool(to: Path, pairs: pd.DataFrame) -> dict[str, int]:
    """Write shards/, metadata/ and subsets/ below `to`; return counts."""
    from tqdm import tqdm

    subsets: dict[str, list[str]] = defaultdict(list)
    sizes: dict[str, int] = {}
    for shard in tqdm(shards(), desc="shards", unit="shard"):
        members, rows = {}, []
        for image in images(shard, pairs):
            for pair in image.pairs:
                row = _metadata(image, pair)
                rows.append(row)
                members[f"{row['key']}.jpg"] = image.jpeg
                members[f"{row['key']}.txt"] = pair["text"].encode()
                members[f"{row['key']}.json"] = json.dumps(row, sort_keys=True).encode()
        if not rows:
            continue
        name = f"{len(sizes):08d}"
        write_tar(to / "shards" / f"{name}.tar", members)
        write_json(to / "shards" / f"{name}_stats.json", {"count": len(rows), "successes": len(rows)})
        write_table(to / "metadata" / f"{name}.parquet", pd.DataFrame(rows))
        sizes[f"{name}.tar"] = len(rows)
        subsets[shard.split] += [row["uid"] for row in rows]
    write_json(to / "shards" / "sizes.json", sizes)  # the resharder's and open_clip_train's table of shards
    for split, uids in subsets.items():
        write_subset(to / "subsets" / f"{split}.npy", uids)
    return {"items": sum(sizes.values()), "shards": len(sizes), "subsets": len(subsets)}


def write_subset(path: Path, uids: Iterable[str]) -> None:
    """Write a subset as the resharder reads it: `uids`, of 32 hex digits each, in order."""
    buffer = io.BytesIO()
    np.save(buffer, uid_array(uids))
    write_bytes(path, buffer.getvalue())


def uid_array(uids: Iterable[str]) -> NDArray[np.void]:
    """The uids as a sorted array of two numbers each."""
    return np.sort(np.array([(int(uid[:16], 16), int(uid[16:], 16)) for uid in uids], UIDS))


def uid_of(pair_id: str) -> str:
    """The uid of a pair, 128 bits as hex: the same in every export of it."""
    return hashlib.sha256(pair_id.encode()).hexdigest()[:32]


def _metadata(image: ImageOfPairs, pair: dict[str, Any]) -> dict[str, Any]:
    """The sample's row in metadata/, and its .json; sizes are those of the image before the dataset made it smaller."""
    return {
        "uid": uid_of(pair["pair_id"]),
        "key": pair["pair_id"],
        "url": pair["provenance"],
        "text": pair["text"],
        "original_width": int(pair["width"]),
        "original_height": int(pair["height"]),
        "sha256": hashlib.sha256(image.jpeg).hexdigest(),
        "split": pair["split"],
        "source": pair["source"],
        "license": pair["license"],
    }
