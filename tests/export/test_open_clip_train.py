"""open_clip_train reads our shards, and those of a pool: its own pipeline, with the webdataset that is locked."""

import argparse

import numpy as np
import pytest

from stages.common.paths import DATASET_DIR
from stages.export.datacomp import write_pool
from stages.export.inputs import kept_pairs


def read(shards, training, samples=None):
    """The texts of one epoch, each with the mean of its image."""
    from open_clip_train.data import get_wds_dataset

    asked = {"train_data": shards, "val_data": shards, "train_num_samples": samples, "val_num_samples": None}
    asked |= {"dataset_resampled": False, "train_data_upsampling_factors": None, "seed": 0, "batch_size": 1}
    args = argparse.Namespace(**asked, workers=0, world_size=1)
    info = get_wds_dataset(args, lambda image: np.asarray(image).mean(), training, tokenizer=lambda text: [text])
    return sorted(text for _, texts in info.dataloader for text in texts)


@pytest.mark.parametrize("training", [True, False])
def test_shards_of_the_dataset_give_the_first_text_of_each_image(exported, training):
    firsts = exported[exported.split == "train"].drop_duplicates("image").text
    shards = f"{DATASET_DIR}/train-{{000000..000001}}.tar"
    assert read(shards, training, samples=2) == sorted(firsts)


def test_a_pool_gives_every_pair_and_says_itself_how_many_there_are(exported, tmp_path):
    write_pool(tmp_path / "pool", kept_pairs([]))
    count = len(list((tmp_path / "pool/shards").glob("*.tar")))
    shards = f"{tmp_path}/pool/shards/{{00000000..{count - 1:08d}}}.tar"
    assert read(shards, training=True) == sorted(exported.text[exported.split != ""])
