"""Which samples there are, and in which order an epoch sees them."""

import gc
import json
import multiprocessing
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

from stages.common.data.tars import read_tar, write_tar
from stages.common.errors import StageError
from stages.common.tables.dataset import DATASET_TABLE
from stages.quiltnet.loader import Loader, SampleView, _seed, as_bytes, as_numbers
from stages.quiltnet.samples import batches_of, order_of, read_samples, subset_of


def view(samples, epoch=0, augmented=True):
    """All items of an epoch."""
    seen = SampleView(samples, lambda image: np.asarray(image), lambda text: [text], 0, augmented)
    return [seen.item(epoch, n) for n in range(len(samples))]


def test_every_image_is_there_once_with_its_texts(shards):
    samples = read_samples(shards, "train")
    assert len(samples) == 24
    assert len(samples.texts) == 48
    assert samples.most_texts == 2
    seen = view(samples, augmented=False)
    texts = sorted(seen[n][1] for n in range(24))
    assert texts == sorted(6 * ["adipose tissue", "dense lymphocytes", "smooth muscle", "a naevus"])
    images = {data for path in shards.glob("train-*") for name, data in read_tar(path).items() if name.endswith("jpg")}
    assert len({seen[n][0].tobytes() for n in range(24)}) == len(images) == 24


def test_texts_are_drawn_anew_each_epoch_and_say_which_are_the_same(shards):
    samples = read_samples(shards, "train")
    drawn = [[item[1] for item in view(samples, epoch)] for epoch in range(4)]
    assert len({tuple(texts) for texts in drawn}) == 4
    assert {text.startswith("microscopy") for texts in drawn for text in texts} == {True, False}
    assert drawn[1] == [item[1] for item in view(samples, 1)]
    for _, text, group, own, broken in view(samples):
        assert group in own
        assert not broken
        assert samples.texts[int(np.flatnonzero(samples.group == group)[0])].as_py() == text


def test_batches_do_not_depend_on_workers_and_go_on_where_they_stopped(shards):
    import torch

    samples = read_samples(shards, "train")
    batches = batches_of(order_of(samples, 0, 0), 8)

    def pixels(batches, workers):
        seen = SampleView(samples, lambda image: torch.rand(3), lambda text: torch.zeros(1, 1), 0, True)
        loader = Loader({"train": seen}, workers)
        first = [batch[0] for batch in loader.batches("train", 0, batches)]
        other = [batch[0] for batch in loader.batches("train", 1, batches)]
        assert not torch.equal(first[0], other[0])
        return first

    alone, shared, rest = pixels(batches, 0), pixels(batches, 2), pixels(batches[1:], 2)
    assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(alone[1:], rest, strict=True))


@pytest.mark.parametrize(
    "augmentation", [{}, {"scale": (0.3, 1.0)}, {"use_timm": True}, {"use_timm": True, "re_prob": 1.0}]
)
def test_bytes_become_the_numbers_of_open_clips_transform(augmentation):
    import torch
    from open_clip import image_transform
    from torchvision.transforms import Normalize

    mean, std = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
    transform = image_transform(32, is_train=bool(augmentation), mean=mean, std=std, aug_cfg=augmentation or None)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    found = []
    for one in (transform, as_bytes(transform)):
        _seed(5)
        found.append(one(picture))
    if "re_prob" in augmentation:  # erases by numbers, so it stays as it is
        assert torch.equal(*found)
        return
    assert found[1].dtype == torch.uint8
    moments = [torch.tensor(one).view(3, 1, 1) for one in (mean, std)]
    assert torch.equal(as_numbers(found[1][None].repeat(3, 1, 1, 1), *moments)[1], found[0])
    assert as_bytes(Normalize(mean, std)).mean == mean


def test_a_large_batch_is_made_in_parts_and_comes_whole(shards):
    samples = read_samples(shards, "train")
    seen = SampleView(samples, lambda image: np.asarray(image)[:8, :8].copy(), lambda text: [len(text)], 0, True)
    batches = [np.tile(np.arange(24), 8)[:size] for size in (150, 64, 65)]
    made = [list(Loader({"train": seen}, workers).batches("train", 0, batches)) for workers in (0, 3)]
    for batch, alone, shared in zip(batches, *made, strict=True):
        expected = [seen.item(0, int(n)) for n in batch]
        for column, one, two in zip(zip(*expected, strict=True), alone, shared, strict=True):
            assert np.array_equal(one.numpy(), np.stack([np.asarray(value) for value in column]))
            assert np.array_equal(one.numpy(), two.numpy())


def test_workers_end_with_their_loader(shards):
    seen = SampleView(read_samples(shards, "train"), lambda image: 0, lambda text: [0], 0, True)
    others = set(multiprocessing.active_children())
    gc.disable()
    try:
        loader = Loader({"train": seen}, 2)
        assert len(list(loader.batches("train", 0, [np.arange(8)]))) == 1
        assert len(set(multiprocessing.active_children()) - others) == 2
        del loader
        assert set(multiprocessing.active_children()) <= others
    finally:
        gc.enable()


@pytest.mark.parametrize(("count", "size", "world"), [(24, 8, 1), (25, 8, 1), (26, 8, 3), (7, 64, 2)])
def test_processes_share_batches_evenly_and_no_sample_comes_twice(count, size, world):
    order = np.random.default_rng(0).permutation(count)
    parts = [batches_of(order, size, rank, world) for rank in range(world)]
    assert all(len({len(part[b]) for part in parts}) == 1 for b in range(len(parts[0])))
    seen = np.concatenate([batch for part in parts for batch in part])
    assert len(set(seen.tolist())) == len(seen)
    left_out = count - len(seen)
    assert left_out == ((count % size) % world if count % size != 1 else 1) + (size % world) * (count // size)


def test_orders_differ_by_epoch_and_hold_every_sample(shards):
    samples = read_samples(shards, "train")
    orders = [order_of(samples, 0, epoch) for epoch in range(3)]
    assert all(sorted(order.tolist()) == list(range(24)) for order in orders)
    assert len({order.tobytes() for order in orders}) == 3


def test_a_subset_is_a_query_and_takes_texts_not_only_images(shards, tmp_path):
    rows = [(f"naevus{n}_{m}", "quilt" if m else "laion") for n in range(6) for m in range(2)]
    table = pd.DataFrame(rows, columns=["pair_id", "source"]).reindex(columns=DATASET_TABLE.names)
    DATASET_TABLE.write(tmp_path / "pairs.parquet", table)
    chosen = subset_of(tmp_path / "pairs.parquet", "source != 'laion'")
    samples = read_samples(shards, "train", chosen)
    assert samples.texts.to_pylist() == 6 * ["microscopy of a naevus"]
    assert subset_of(tmp_path / "pairs.parquet", "") is None
    with pytest.raises(StageError, match=r"quiltnet.subset: 'sauce == 1': name 'sauce' is not defined"):
        subset_of(tmp_path / "pairs.parquet", "sauce == 1")
    for query, message in (
        ("(source == 'laion'", "EOF in multi-line statement"),
        ("pair_id.str.contains('naevus(')", "missing \\), unterminated subpattern"),
        ("lambda: 1", "'Lambda' nodes are not implemented"),
        *((query, "must be true or false of every pair") for query in ("pair_id.str.len()", "1", "True", "text")),
    ):
        with pytest.raises(StageError, match=f"quiltnet.subset: '.*'.*{message}"):
            subset_of(tmp_path / "pairs.parquet", query)
    with pytest.raises(StageError, match="no train sample is left: check quiltnet.subset"):
        read_samples(shards, "train", set())


def test_shards_that_are_missing_or_cut_short_are_named(shards, tmp_path):
    with pytest.raises(StageError, match=r"has no train-\*.tar: run `dvc repro dataset`"):
        read_samples(tmp_path, "train")
    shutil.copy(shards / "train-000000.tar", tmp_path)
    whole = (tmp_path / "train-000000.tar").read_bytes()
    (tmp_path / "train-000000.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StageError, match=r"train-000000.tar is cut short after .*: run `dvc checkout"):
        read_samples(tmp_path, "train")


def test_samples_without_text_or_image_are_counted_and_broken_images_marked(shards, tmp_path):
    members = read_tar(shards / "train-000000.tar")
    keys = [name.removesuffix(".jpg") for name in members if name.endswith(".jpg")]
    del members[f"{keys[0]}.json"], members[f"{keys[1]}.jpg"]
    members[f"{keys[2]}.jpg"] = b"no picture"
    members[f"{keys[3]}.json"] = json.dumps(
        {"source": "quilt", "texts": [], "pair_ids": [], "text_groups": []}
    ).encode()
    write_tar(tmp_path / "train-000000.tar", members)
    samples = read_samples(tmp_path, "train")
    assert samples.skipped == {"no_image": 1, "no_text": 2}
    assert [item[4] for item in view(samples)].count(True) == 1
    members[f"{keys[4]}.json"] = b"{"
    write_tar(tmp_path / "train-000000.tar", members)
    with pytest.raises(StageError, match=f"#{keys[4]}.json: it is not JSON: stage dataset writes it: run"):
        read_samples(tmp_path, "train")
    members[f"{keys[4]}.json"] = json.dumps({"source": "quilt", "texts": "one", "pair_ids": []}).encode()
    write_tar(tmp_path / "train-000000.tar", members)
    with pytest.raises(StageError, match=f"#{keys[4]}.json: texts: Input should be a valid array"):
        read_samples(tmp_path, "train")


def test_the_repository_has_a_config_for_its_default():
    assert (ROOT / "stages/quiltnet/configs/lite0_minilm.json").exists()
