"""The pool has a sample for each pair, and a subset names those that DataComp's resharder takes."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from stages.common.data.files import read_json
from stages.common.data.tars import read_tar
from stages.common.tables.dataset import DATASET_TABLE
from stages.export.datacomp import uid_array, uid_of, write_pool
from stages.export.inputs import kept_pairs


@pytest.fixture
def pool(exported, tmp_path):
    write_pool(tmp_path / "pool", kept_pairs([]))
    return tmp_path / "pool"


def samples(pool):
    """The .json, .txt and .jpg of every sample, read as webdataset reads them."""
    import webdataset as wds

    urls = sorted(str(path) for path in (pool / "shards").glob("*.tar"))
    return {one["__key__"]: one for one in wds.WebDataset(urls, shardshuffle=False)}


def test_every_pair_is_a_sample_with_its_own_text(pool, exported):
    kept = exported[exported.split != ""].set_index("pair_id")
    found = samples(pool)
    assert set(found) == set(kept.index)
    assert {key: one["txt"].decode() for key, one in found.items()} == kept.text.to_dict()
    assert {json.loads(one["json"])["license"] for one in found.values()} == set(kept.license)


def test_an_image_is_the_one_of_the_dataset(pool):
    ours = read_tar(sorted((pool.parent / "data/dataset").glob("val-*.tar"))[0])
    assert samples(pool)["pubmed_a"]["jpg"] == ours["pubmed_a.jpg"]


def test_tables_of_shards_count_their_samples(pool):
    shards = sorted((pool / "shards").glob("*.tar"))
    assert [path.name for path in shards] == [f"{n:08d}.tar" for n in range(len(shards))]
    counts = {path.name: len(read_tar(path)) // 3 for path in shards}
    assert read_json(pool / "shards/sizes.json") == counts
    for name, count in counts.items():
        assert read_json(pool / "shards" / name.replace(".tar", "_stats.json"))["successes"] == count


def test_metadata_says_what_the_samples_say(pool):
    table = pd.concat(pd.read_parquet(path) for path in sorted((pool / "metadata").glob("*.parquet")))
    said = {json.loads(one["json"])["uid"]: json.loads(one["json"]) for one in samples(pool).values()}
    assert {row["uid"]: row for row in table.to_dict("records")} == said
    assert {"uid", "url", "text", "original_width", "original_height"} <= set(table.columns)


def test_a_subset_has_the_samples_of_its_split_as_the_resharder_looks_them_up(pool, exported):
    chosen = {}
    for path in (pool / "subsets").glob("*.npy"):
        subset = np.load(path)
        assert subset.dtype == np.dtype("u8,u8")
        for key, one in samples(pool).items():
            wanted = np.array([divmod(int(json.loads(one["json"])["uid"], 16), 2**64)], subset.dtype)[0]
            first, last = (np.searchsorted(subset, wanted, side) for side in ("left", "right"))
            chosen |= {key: path.stem} if last - first == 1 else {}
    kept = exported[exported.split != ""]
    assert chosen == dict(zip(kept.pair_id, kept.split, strict=True))


def test_uids_are_128_bits_and_sorted_as_numbers_without_sign():
    uids = [f"{n:032x}" for n in (2**127 + 5, 3, 2**64, 2**64 - 1)]
    assert [int(high) * 2**64 + int(low) for high, low in uid_array(uids)] == sorted(int(uid, 16) for uid in uids)
    assert len({uid_of(f"pair_{n}") for n in range(1000)}) == 1000
    assert all(len(uid_of(f"pair_{n}")) == 32 for n in range(10))


def test_the_subset_of_the_guide_has_the_pairs_it_chooses(pool, exported):
    guide = (ROOT / "docs/exports.md").read_text()
    code = next(code for code in re.findall(r"```python\n(.*?)```", guide, re.S) if "write_subset" in code)
    DATASET_TABLE.write(DATASET_TABLE.at(), exported.assign(confidence=[0.9, 0.8, 1.0, 1.0, 1.0, 1.0]))
    exec(code, {})
    chosen = ["lecture_0000_000", "lecture_0001_002"]
    assert list(np.load("sure.npy")) == list(uid_array(json.loads(samples(pool)[key]["json"])["uid"] for key in chosen))


def test_the_same_pairs_make_the_same_bytes(pool, tmp_path):
    write_pool(tmp_path / "again", kept_pairs([]))
    files = sorted(path.relative_to(pool) for path in pool.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.*"))
    assert all((pool / path).read_bytes() == (tmp_path / "again" / path).read_bytes() for path in files)
