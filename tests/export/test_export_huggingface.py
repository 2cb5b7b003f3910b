"""The Hub's own library reads what was written, offline."""

import pyarrow.parquet as pq
import pytest
from exported import ENTITY

from stages.export.huggingface import ROW_GROUP, SPLITS, write_repository
from stages.export.inputs import kept_pairs

TITLE = 'Pairs: "a dataset" of ours'


@pytest.fixture
def load(tmp_path):
    def read(folder):
        import datasets

        return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))

    return read


def test_load_dataset_gives_every_pair_with_its_image(exported, tmp_path, load):
    write_repository(tmp_path / "hub", kept_pairs([]), TITLE, "Of a test.")
    found = load(tmp_path / "hub")
    kept = exported[exported.split != ""]
    assert {split: sorted(rows["pair_id"]) for split, rows in found.items()} == {
        SPLITS[split]: sorted(rows.pair_id) for split, rows in kept.groupby("split")
    }
    rows = {row["pair_id"]: row for split in found.values() for row in split}
    assert {name: row["text"] for name, row in rows.items()} == kept.set_index("pair_id").text.to_dict()
    assert {row["image"].size for row in rows.values()} == {(64, 48)}
    crypts = rows["lecture_0000_000"]
    assert (crypts["box"], crypts["entities"]) == ([0.2, 0.3, 0.4, 0.5], [ENTITY])
    assert (rows["pubmed_a"]["box"], rows["pubmed_a"]["start_s"]) == ([], None)
    assert rows["pubmed_a"]["license"].endswith("licenses/by/4.0/")


def test_the_card_is_one_of_the_hub(exported, tmp_path):
    from huggingface_hub import DatasetCard

    write_repository(tmp_path / "hub", kept_pairs([]), TITLE, "Of a test.")
    card = DatasetCard.load(tmp_path / "hub/README.md")
    assert (card.data.pretty_name, card.data.license, card.data.size_categories) == (TITLE, "other", ["n<1K"])
    paths = {one["split"]: one["path"] for one in card.data.to_dict()["configs"][0]["data_files"]}
    assert {split: len(list((tmp_path / "hub").glob(path))) for split, path in paths.items()} == {
        "train": 2, "validation": 1, "test": 1,
    }  # fmt: skip
    assert "Of a test." in card.text
    assert "| not stated | 1 |" in card.text


def test_a_split_without_pairs_is_not_there(exported, tmp_path, load):
    write_repository(tmp_path / "hub", kept_pairs(["reuse allowed"]), TITLE, "")
    found = load(tmp_path / "hub")
    assert {split: rows.num_rows for split, rows in found.items()} == {"train": 3}


def test_row_groups_are_small_enough_to_stream(exported, tmp_path, monkeypatch):
    monkeypatch.setattr("stages.export.huggingface.ROW_GROUP", 1)
    write_repository(tmp_path / "hub", kept_pairs([]), TITLE, "")
    files = [pq.ParquetFile(path) for path in (tmp_path / "hub/data").glob("*.parquet")]
    assert all(file.num_row_groups == file.metadata.num_rows for file in files)
    assert max(file.num_row_groups for file in files) == 2  # an image of two texts
    assert ROW_GROUP <= 1000
