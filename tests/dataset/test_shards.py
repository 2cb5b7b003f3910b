"""Shards load in three lines, three ways; a damaged dataset is told so."""

import io
import json
import tarfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages.common.data.files import jpeg, write_json, write_table
from stages.common.data.tars import read_tar, write_tar
from stages.common.errors import StageError
from stages.common.tables.dataset import DATASET_TABLE
from stages.common.tables.pairs import pairs_table
from stages.dataset.card import write_card, write_croissant
from stages.dataset.check import check
from stages.dataset.shards import header, write_shards


def sample(pair_id, image, **more):
    values = {"pair_id": pair_id, "source": "quilt", "group": pair_id, "image": image, "text": f"text of {pair_id}"}
    return values | {"width": 900, "height": 700, "confidence": 1.0, "entities": '[{"id": "C1"}]'} | more


@pytest.fixture
def packed(tmp_path):
    """A dataset of five images, one of them small enough to keep its bytes, and its table."""
    images = {f"{n}.jpg": jpeg(Image.fromarray(np.full((700, 900, 3), 20 * n, np.uint8))) for n in range(4)}
    images["4.jpg"] = jpeg(Image.fromarray(np.full((200, 300, 3), 90, np.uint8)), 50)
    write_tar(tmp_path / "v.tar", images)
    rows = [sample(f"p{n}", f"{tmp_path}/v.tar#{n}.jpg") for n in range(4)]
    rows.append(sample("p4", f"{tmp_path}/v.tar#4.jpg", width=300, height=200))
    rows.append(sample("p0b", f"{tmp_path}/v.tar#0.jpg", text="a second text"))
    table = pairs_table(rows)
    table["drop"], table["duplicate_of"], table["text_group"] = "", "", table.pair_id
    table["split"] = table.pair_id.map({"p3": "val", "p4": "test"}).fillna("train")
    out = tmp_path / "out"
    counted = write_shards(table, out, max_side=512, shard_size=2, min_shards=1, seed=0, jobs=1)
    DATASET_TABLE.write(out / "pairs.parquet", table.reindex(columns=DATASET_TABLE.names))
    splits = {split: int((table.split == split).sum()) for split in counted}
    metrics = {
        "pairs": 6,
        "images": 5,
        "per_source": {"quilt": 6},
        "per_split": splits,
        "images_per_split": counted,
        "shards": {split: len(list(out.glob(f"{split}-*.tar"))) for split in counted},
        "words_per_text": 3.0,
        "leaks_left": {
            "evalsets": 0,
            "test": 0,
            "groups": 0,
            "second_look": {"looked_at": 0, "evalsets": 0, "test": 0},
        },
    }
    write_json(tmp_path / "metrics.json", metrics)
    write_card(out, table, metrics, "A dataset", "Of a test.")
    write_croissant(out, "test-dataset")
    return out, table, images


def test_shards_load_with_webdataset_and_every_pair_has_its_image(packed):
    import webdataset as wds

    out, table, images = packed
    samples = list(wds.WebDataset([str(p) for p in sorted(out.glob("*.tar"))], shardshuffle=False))
    found = {pair for one in samples for pair in json.loads(one["json"])["pair_ids"]}
    assert found == set(table.pair_id)
    both = next(json.loads(one["json"]) for one in samples if "p0" in json.loads(one["json"])["pair_ids"])
    assert both == {
        "pair_ids": ["p0", "p0b"],
        "source": "quilt",
        "text_groups": ["p0", "p0b"],
        "texts": ["text of p0", "a second text"],
    }
    assert all(max(Image.open(io.BytesIO(one["jpg"])).size) <= 512 for one in samples)
    assert next(one["jpg"] for one in samples if one["__key__"] == "p4") == images["4.jpg"]


@pytest.mark.parametrize("name", ["a.jpg", "x" * 100, "x" * 101, "é.json"])
@pytest.mark.parametrize("size", [0, 511, 123_456_789])
def test_headers_are_those_of_tarfile(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    assert header(name, size) == info.tobuf(tarfile.PAX_FORMAT)


def test_shards_load_with_datasets_and_with_pandas(packed, monkeypatch, tmp_path):
    datasets = pytest.importorskip("datasets")
    out, table, _ = packed
    files = {"train": str(out / "train-*.tar")}
    loaded = datasets.load_dataset("webdataset", data_files=files, cache_dir=str(tmp_path / "cache"))["train"]
    assert sorted(loaded["__key__"]) == ["p0", "p1", "p2"]
    assert loaded[0]["jpg"].size[0] <= 512
    assert pd.read_parquet(out / "pairs.parquet").pair_id.tolist() == table.pair_id.tolist()


def test_as_many_shards_as_readers_need(packed, tmp_path):
    _, table, _ = packed
    counted = write_shards(table, tmp_path / "more", 512, shard_size=1000, min_shards=3, seed=0, jobs=1)
    assert counted == {"train": 3, "val": 1, "test": 1}
    assert len(list((tmp_path / "more").glob("train-*.tar"))) == 3
    write_shards(table, tmp_path / "more", 512, shard_size=1000, min_shards=1, seed=0, jobs=1)
    assert len(list((tmp_path / "more").glob("train-*.tar"))) == 1


def test_croissant_validates_and_loads(packed):
    import mlcroissant as mlc

    out, table, _ = packed
    records = list(mlc.Dataset(jsonld=str(out / "croissant.json")).records("pairs"))
    assert {record["pairs/pair_id"].decode() for record in records} == set(table.pair_id)


def test_the_card_says_what_is_in_it(packed):
    card = (packed[0] / "README.md").read_text()
    assert "6 pairs of 5 histopathology images" in card
    assert "| train | 4 | 3 |" in card
    assert "train-{000000..000001}.tar" in card
    assert "| quilt | 6 |" in card
    assert "6 mentions of 1 medical" in card


def test_a_whole_dataset_passes_the_check(packed, tmp_path):
    assert check(packed[0], tmp_path / "metrics.json") == {"items": 5, "pairs": 6, "shards": 4}


@pytest.mark.parametrize("damage", ["orphan", "missing", "unreadable", "no text", "cut"])
def test_a_damaged_dataset_is_told_so(packed, tmp_path, damage):
    out, table, _ = packed
    shard = sorted(out.glob("train-*.tar"))[0]
    members = read_tar(shard)
    key = next(iter(members)).split(".")[0]
    if damage == "orphan":
        write_table(out / "pairs.parquet", table.assign(split=table.split.where(table.pair_id != key, "")))
    elif damage == "missing":
        shard.unlink()
    elif damage == "cut":
        shard.write_bytes(shard.read_bytes()[:700])
    else:
        changed = {f"{key}.jpg": b"no image"} if damage == "unreadable" else {}
        dropped = {f"{key}.txt"} if damage == "no text" else set()
        write_tar(shard, {name: data for name, data in (members | changed).items() if name not in dropped})
    words = {
        "orphan": f"{key} is an orphan",
        "missing": "has no image in any shard",
        "unreadable": f"{key}.jpg: unreadable_image",
        "no text": f"{key}.txt is missing",
        "cut": f"{shard.name}: ",
    }
    with pytest.raises(StageError, match=words[damage]):
        check(out, tmp_path / "metrics.json")
