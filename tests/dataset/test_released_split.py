"""The split that Quilt-1M was released with is kept, and what is a copy of its pairs follows."""

import numpy as np
import pandas as pd
from fingerprinted import fingerprints_of

from stages.common.frame_filter.prediction import FLAGS
from stages.common.tables.pairs import pairs_table
from stages.dataset.merge import merge


def merged(rows, params, same=()):
    """Split by pair_id of rows (pair_id, group, image, released split); images of `same` are copies."""
    rng = np.random.default_rng(0)
    names = ["pair_id", "group", "image", "released_split"]
    table = pairs_table(
        [
            dict(zip(names, row, strict=True))
            | {"source": "table", "text": f"three words {row[0]}", "width": 512, "height": 512, "confidence": 1.0}
            for row in rows
        ]
    ).assign(similarity=np.nan)
    images = pd.DataFrame({"image": table.image.unique(), "error": ""}).assign(
        **{"blur": 0.2, "background": 0.1, "histology": 1.0, "width": 9, "height": 9},
        **{f"flag_{flag}": 0.0 for flag in FLAGS},
    )
    for column in ("hash", "mirrored"):
        images[column] = [rng.bytes(32) for _ in images.image]
    images["blobs"] = images["spots"] = b""
    images["embedding"] = [rng.standard_normal(64).astype(np.float16).tobytes() for _ in images.image]
    images["sha256"] = ["same" if image in same else image for image in images.image]
    found = merge(
        table,
        images,
        images.head(0).assign(evalset=""),
        fingerprints_of(images),
        params,
        0,
        lambda asked: [False] * len(asked),
    )
    return found.set_index("pair_id").split.to_dict()


def test_released_pairs_keep_their_split_also_within_a_video(stage_params):
    params = stage_params("dataset", sources=["table"], crop_cosine=1.0, val_share=0.0, test_share=0.5)
    rows = [(f"t{n:02d}", f"v{n % 4}", f"i{n}", ("train", "val")[n % 5 == 0]) for n in range(40)]
    rows += [(f"o{n:02d}", f"w{n}", f"own{n}", "") for n in range(40)]
    found = merged(rows, params)
    assert {name: split for name, split in found.items() if name[0] == "t"} == {row[0]: row[3] for row in rows[:40]}
    assert {split for name, split in found.items() if name[0] == "o"} == {"train", "test"}


def test_texts_of_one_image_are_in_one_split(stage_params):
    rows = [("a", "v", "i", "train"), ("b", "v", "i", "val"), ("c", "v", "j", "train")]
    found = merged(rows, stage_params("dataset", sources=["table"], crop_cosine=1.0))
    assert found == {"a": "val", "b": "val", "c": "train"}


def test_a_group_that_shares_copies_with_released_pairs_follows_them(stage_params):
    params = stage_params("dataset", sources=["table"], crop_cosine=1.0, val_share=0.0, test_share=1.0)
    rows = [("a", "v", "i", "val"), ("b", "w", "copy", ""), ("c", "w", "k", ""), ("d", "x", "l", "")]
    found = merged(rows, params, same=("i", "copy"))
    assert found == {"a": "val", "b": "", "c": "val", "d": "test"}
