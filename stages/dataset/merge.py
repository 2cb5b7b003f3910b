"""One table out of many sources: what stays, what goes and why, and the split of what stays."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.dataset.hashes import near
from stages.dataset.params import Params


def merge(
    pairs: pd.DataFrame,
    image_digest: dict[str, str],
    hashes: dict[str, NDArray[np.uint8]],
    evalsets: Sequence[tuple[str, NDArray[np.uint8]]],
    block: Params,
    seed: int,
) -> pd.DataFrame:
    """Return `pairs` with split, drop and duplicate_of.

    Args:
        pairs: rows of stages.common.pairs, those of earlier `block.sources` first wins a tie.
        image_digest: sha256 of each image reference's bytes.
        hashes: perceptual hash of each image reference.
        evalsets: (name, hashes) of every test image's evalset.

    A row has a split (train, val, test) or a drop reason. Among images that are the same or nearly so, in different
    groups, the one of the first source stays, then the larger, then the smaller pair_id; the pairs of the others
    point to it. An image near an evalset's is a leak and goes.
    """
    table = pairs.copy()
    order = {name: number for number, name in enumerate(block.sources)}
    table["rank"] = table.source.map(order)
    table["area"] = table.width * table.height
    table = table.sort_values(["rank", "area", "pair_id"], ascending=[True, False, True], ignore_index=True)
    table["drop"], table["duplicate_of"] = "", ""
    _drop(table, table.width.lt(block.min_side) | table.height.lt(block.min_side), "image_too_small")
    _drop(table, table.text.str.split().str.len().lt(block.min_words), "text_too_short")
    _drop(table, table.confidence.lt(block.min_confidence), "low_confidence")
    _drop_leaks(table, hashes, evalsets, block.near_bits)
    _drop_copies(table, image_digest, hashes, block.near_bits)
    table["split"] = [_split(group, block, seed) for group in table.group]
    table.loc[table["drop"] != "", "split"] = ""
    return table.drop(columns=["rank", "area"]).sort_values("pair_id", ignore_index=True)


def _drop(table: pd.DataFrame, rows: pd.Series, reason: str) -> None:
    table.loc[rows & (table["drop"] == ""), "drop"] = reason


def _drop_leaks(
    table: pd.DataFrame,
    hashes: dict[str, NDArray[np.uint8]],
    evalsets: Sequence[tuple[str, NDArray[np.uint8]]],
    bits: int,
) -> None:
    images = list(dict.fromkeys(table.image[table["drop"] == ""]))
    own = np.stack([hashes[image] for image in images]) if images else np.zeros((0, 32), np.uint8)
    for name, others in evalsets:
        leaked = {images[i] for i, _ in near(own, others, bits)}
        _drop(table, table.image.isin(leaked), f"leak_{name}")


def _drop_copies(
    table: pd.DataFrame, image_digest: dict[str, str], hashes: dict[str, NDArray[np.uint8]], bits: int
) -> None:
    """Keep one image of each set of copies; rows come in order of preference."""
    alive = table[table["drop"] == ""].drop_duplicates("image")
    images, groups, ids = alive.image.tolist(), alive.group.tolist(), alive.pair_id.tolist()
    own = np.stack([hashes[image] for image in images]) if images else np.zeros((0, 32), np.uint8)
    kept_by: dict[int, int] = {}
    for i, j in near(own, own, bits):
        if i < j and i not in kept_by and j not in kept_by and groups[i] != groups[j]:
            kept_by[j] = i
    for j, i in kept_by.items():
        same = image_digest[images[i]] == image_digest[images[j]]
        rows = (table.image == images[j]) & (table["drop"] == "")
        table.loc[rows, "duplicate_of"] = ids[i]
        _drop(table, rows, "exact_duplicate" if same else "near_duplicate")
    repeated = table[table["drop"] == ""].duplicated(["image", "text"])
    _drop(table, table.index.isin(repeated[repeated].index), "same_image_and_text")


def _split(group: str, block: Params, seed: int) -> str:
    """The side a group falls on: a hash of its name, so that new groups never move old ones."""
    draw = int(hashlib.sha256(f"{seed} {group}".encode()).hexdigest()[:12], 16) / 16**12
    if draw < block.test_share:
        return "test"
    return "val" if draw < block.test_share + block.val_share else "train"
