"""Tables of any make, and Quilt-1M's own."""

from pathlib import Path

import pandas as pd
import pytest
from articles import encoded, tile

from stages.common.data.files import write_table
from stages.common.errors import StageError
from stages.sources import table

PICTURE = encoded(tile(1))


@pytest.fixture
def read(tmp_path, stage_params):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(PICTURE)

    def candidates(**changes):
        params = stage_params("sources")
        place = params.table.model_copy(update={"folder": str(tmp_path), **changes})
        return list(table.candidates(params.model_copy(update={"table": place})))

    return candidates


def test_a_csv_beside_its_images(tmp_path, read):
    rows = {"image": ["images/a.jpg", "images/gone.jpg", "../../etc/passwd"], "text": "a text", "group": ["g", "", ""]}
    pd.DataFrame(rows).to_csv(tmp_path / "pairs.csv", index=False)
    found = read()
    assert [(one.key, one.group, one.drop) for one in found] == [
        ("00000000", "g", ""),
        ("00000001", "images/gone.jpg", "missing_image"),
        ("00000002", "../../etc/passwd", "missing_image"),
    ]
    assert Path(found[0].image).read_bytes() == PICTURE
    with pytest.raises(StageError, match=r"no column 'caption': set sources.table.text to one of: image, text, group"):
        read(text="caption")


def test_a_folder_of_datasets(tmp_path, read):
    datasets = pytest.importorskip("datasets")
    made = datasets.Dataset.from_dict(
        {"img": [{"bytes": PICTURE, "path": None}], "words": ["from datasets"]},
        features=datasets.Features({"img": datasets.Image(), "words": datasets.Value("string")}),
    )
    made.to_parquet(str(tmp_path / "train-00000-of-00001.parquet"))
    (one,) = read(image="img", text="words")
    assert (one.image, one.text, one.drop) == (PICTURE, "from datasets", "")


def test_quilts_own_csv_is_read_as_it_was_released(tmp_path, read):
    rows = {
        "Unnamed: 0": [0, 1, 2],
        "caption": ["Small round cells.", "An arrow.", "A tweet."],
        "image_path": ["abcdefghijk_image_1.jpg", "abcdefghijk_image_2.jpg", "x.jpg"],
        "subset": ["quilt", "quilt", "openpath"],
        "split": ["train", "val", "train"],
        "pathology": ["['Renal', 'Breast']", "[]", "[]"],
        "roi_text": ["[]", "['An arrow.']", "[]"],
        "noisy_text": "n",
        "corrected_text": "c",
        "med_umls_ids": ["[[{'entity': 'cell', 'cui': 'C0007634'}]]", "[[]]", "broken ["],
        "magnification": [1.0, 2.0, None],
        "not_histology": [0, 0, 1],
    }
    for name in rows["image_path"]:
        (tmp_path / name).write_bytes(PICTURE)
    pd.DataFrame(rows).to_csv(tmp_path / "quilt_1M_lookup.csv", index=False)
    first, second, third = read()
    assert (first.text, first.group, first.more["sub_pathology"], first.more["magnification"]) == (
        "Small round cells.",
        "quilt_abcdefghijk",
        "Renal",
        1.0,
    )
    assert '"id": "C0007634"' in first.more["entities"]
    assert (second.group, second.more["kind"]) == (first.group, "roi")
    assert [one.more["released_split"] for one in (first, second, third)] == ["train", "val", "train"]
    assert (third.group, third.drop, third.more["magnification"]) == ("openpath_x", "not_histology_flag", None)


@pytest.mark.parametrize(("name", "data"), [("x.parquet", b"PAR1 junk"), ("x.csv", b""), ("x.csv", b'a,b\n"1,2,3\n')])
def test_a_table_that_cannot_be_read_is_one_line(tmp_path, read, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(StageError, match=rf"^\S+/{name} cannot be read \(.+\): get it again or remove it$"):
        read()


def test_a_folder_without_tables_is_one_line_and_parquet_is_read_in_parts(tmp_path, read):
    with pytest.raises(StageError, match=r"none of its 1 files \(a.jpg, ...\) is a table"):
        read()
    write_table(tmp_path / "many.parquet", pd.DataFrame({"image": ["images/a.jpg"] * 2500, "text": "t"}))
    assert len(read()) == 2500
