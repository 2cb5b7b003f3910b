"""What stays, what goes and why; shards that load."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from stages.common.files import jpeg, write_table, write_tar
from stages.common.pairs import pairs_table
from stages.dataset.croissant import write_croissant
from stages.dataset.hashes import near, perceptual_hash
from stages.dataset.merge import merge
from stages.dataset.shards import write_shards


def row(pair_id, source="quilt", group=None, image=None, **more):
    values = {
        "pair_id": pair_id,
        "source": source,
        "group": group or pair_id,
        "image": image or f"t.tar#{pair_id}.jpg",
        "text": f"three words {pair_id}",
        "width": 512,
        "height": 512,
        "confidence": 1.0,
    }
    return values | more


def bits(*rows):
    """Hashes that differ in as many bits as told from all zeros."""
    table = np.zeros((len(rows), 256), np.uint8)
    for n, count in enumerate(rows):
        table[n, :count] = 1
    return np.packbits(table, axis=1)


def merged(rows, params, distances=None, evalsets=(), same=(), **changes):
    table = pairs_table(rows)
    images = list(dict.fromkeys(table.image))
    far = np.random.default_rng(0).integers(0, 255, (len(images), 32), dtype=np.uint8)
    hashes = dict(zip(images, far, strict=True))
    for image, distance in (distances or {}).items():
        hashes[image] = bits(distance)[0]
    digests = {image: image for image in images} | dict.fromkeys(same, "same")
    return merge(table, digests, hashes, evalsets, params("dataset", **changes), seed=0).set_index("pair_id")


def test_near_is_hamming_distance():
    left = np.random.default_rng(0).integers(0, 255, (700, 4), dtype=np.uint8)
    right = np.random.default_rng(1).integers(0, 255, (30, 4), dtype=np.uint8)
    brute = [
        (i, j)
        for i in range(700)
        for j in range(30)
        if sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(left[i], right[j], strict=True)) <= 9
    ]
    assert list(near(left, right, 9)) == brute
    assert brute


def test_the_first_source_then_the_larger_image_stays(params):
    rows = [
        row("q", image="a#q"),
        row("p", "pubmed", image="a#p", width=900.0),
        row("o1", "openpath", image="a#o1"),
        row("o2", "openpath", image="a#o2", width=800.0),
    ]
    table = merged(rows, params, {"a#q": 0, "a#p": 0, "a#o1": 200, "a#o2": 210}, same=("a#q", "a#p"))
    assert table.loc["p", ["drop", "duplicate_of"]].tolist() == ["exact_duplicate", "q"]
    assert table.loc["o1", ["drop", "duplicate_of"]].tolist() == ["near_duplicate", "o2"]
    assert table.loc[["q", "o2"], "drop"].tolist() == ["", ""]
    turned = merged(rows, params, {"a#q": 0, "a#p": 0}, sources=["pubmed", "quilt", "openpath"])
    assert turned.loc["q", "duplicate_of"] == "p"


def test_one_groups_own_likenesses_stay_and_repeated_rows_go(params):
    rows = [
        row("v1", group="v", image="t#1"),
        row("v2", group="v", image="t#2"),
        row("v3", group="v", image="t#1", text="three words v1"),
    ]
    table = merged(rows, params, {"t#1": 0, "t#2": 1})
    assert table["drop"].to_dict() == {"v1": "", "v2": "", "v3": "same_image_and_text"}


def test_leaks_and_faulty_rows_name_their_reason(params):
    rows = [
        row("a", image="t#a"),
        row("b", width=10.0),
        row("c", text="two words"),
        row("d", confidence=0.1),
        row("e"),
    ]
    table = merged(rows, params, {"t#a": 20}, evalsets=[("nct", bits(0))])
    assert table["drop"].to_dict() == {
        "a": "leak_nct",
        "b": "image_too_small",
        "c": "text_too_short",
        "d": "low_confidence",
        "e": "",
    }
    assert (table.split != "").tolist() == (table["drop"] == "").tolist()


def test_groups_stay_together_and_new_ones_move_no_old_ones(params):
    rows = [row(f"g{n}_{k}", group=f"g{n}") for n in range(300) for k in range(2)]
    table = merged(rows, params, near_bits=0)
    assert table.groupby("group").split.nunique().max() == 1
    shares = table.split.value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.12, abs=0.05)
    assert shares["val"] == pytest.approx(0.08, abs=0.05)
    fewer = merged(rows[:200], params, near_bits=0)
    assert (fewer.split == table.loc[fewer.index].split).all()


def test_hashes_survive_rescaling_and_tell_images_apart():
    smooth = lambda seed: Image.fromarray(  # noqa: E731
        np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    ).resize((300, 300), Image.Resampling.BICUBIC)
    small = jpeg(smooth(1).resize((200, 200)), 60)
    apart = lambda a, b: int(np.bitwise_count(perceptual_hash(a, "a") ^ perceptual_hash(b, "b")).sum())  # noqa: E731
    assert apart(jpeg(smooth(1)), small) < 24
    assert apart(jpeg(smooth(1)), jpeg(smooth(2))) > 60


@pytest.fixture
def packed(tmp_path):
    images = {f"{n}.jpg": jpeg(Image.fromarray(np.full((700, 900, 3), 20 * n, np.uint8))) for n in range(5)}
    write_tar(tmp_path / "v.tar", images)
    rows = [row(f"p{n}", image=f"{tmp_path}/v.tar#{n}.jpg") for n in range(5)]
    rows.append(row("p0b", image=f"{tmp_path}/v.tar#0.jpg", text="a second text"))
    table = pairs_table(rows)
    table["drop"], table["split"] = "", ["train"] * 4 + ["val", "test"]
    table.loc[table.image.str.endswith("#0.jpg"), "split"] = "train"
    counted = write_shards(table, tmp_path / "out", max_side=512, shard_size=2, seed=0)
    write_table(tmp_path / "out" / "pairs.parquet", table)
    return tmp_path / "out", table, counted


def test_shards_load_with_webdataset_and_every_pair_has_its_image(packed):
    import webdataset as wds

    out, table, counted = packed
    samples = list(wds.WebDataset([str(p) for p in sorted(out.glob("*.tar"))], shardshuffle=False))
    assert len(samples) == sum(counted.values()) == table.image.nunique()
    found = {pair for sample in samples for pair in json.loads(sample["json"])["pair_ids"]}
    assert found == set(table.pair_id)
    both = next(json.loads(s["json"]) for s in samples if "p0" in json.loads(s["json"])["pair_ids"])
    assert sorted(both["texts"]) == ["a second text", "three words p0"]
    assert all(max(Image.open(io.BytesIO(sample["jpg"])).size) <= 512 for sample in samples)
    assert len(list(out.glob("train-*.tar"))) == -(-counted["train"] // 2)


def test_croissant_validates_and_loads(packed):
    import mlcroissant as mlc

    out, table, _ = packed
    write_croissant(out, "test-dataset")
    dataset = mlc.Dataset(jsonld=str(out / "croissant.json"))
    records = list(dataset.records("pairs"))
    assert len(records) == len(table)
    assert {record["pairs/pair_id"].decode() for record in records} == set(table.pair_id)
