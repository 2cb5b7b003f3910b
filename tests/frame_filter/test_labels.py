"""Labelled frames are read whole or refused with their row."""

import cv2
import numpy as np
import pytest

from stages.common.errors import StageError
from stages.frame_filter.labels import read_labels


@pytest.mark.parametrize(("text", "message"), [("", "No columns"), ("a\xff", "save it as CSV in UTF-8")])
def test_a_file_that_is_no_table_is_one_line(tmp_path, text, message):
    (tmp_path / "labels.csv").write_text(text, encoding="latin-1")
    with pytest.raises(StageError, match=rf"labels.csv: .*{message}"):
        read_labels(tmp_path)


def test_a_table_as_a_spreadsheet_saves_it(tmp_path):
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "labels.csv").write_text("file;label;source\nx.png;other;a\n", encoding="utf-8-sig")
    assert read_labels(tmp_path)[0].label.tolist() == ["other"]


@pytest.fixture
def folder(tmp_path):
    """Write a labels.csv beside one image, x.png."""
    cv2.imwrite(str(tmp_path / "x.png"), np.full((8, 8, 3), (10, 20, 200), np.uint8))

    def write(text):
        (tmp_path / "labels.csv").write_text(text)
        return tmp_path

    return write


def test_frames_are_rgb_and_unknown_flags_are_nan(folder):
    path = folder("file,label,source,person,text\nx.png,histology,a,1,\nx.png,other,b,0,1\n")
    table, frames = read_labels(path)
    assert frames[0][0, 0].tolist() == [200, 20, 10]
    assert table.person.tolist() == [1, 0]
    assert np.isnan(table.text[0])
    assert table.arrow.isna().all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\nx.png,other\n", "column 'source' is missing"),
        ("file,label,source,persons\nx.png,other,a,1\n", "column 'persons' is none of file, label, source, person"),
        ("file,label,source\nx.png,other,a\nx.png,cat,a\n", "row 3: label is 'cat', expected histology or other"),
        ("file,label,source,text\nx.png,other,a,maybe\n", "row 2: text is 'maybe', expected 1, 0 or nothing"),
        ("file,label,source\ny.png,other,a\n", "row 2: y.png is missing or not an image"),
        ("file,label,source\nlabels.csv,other,a\n", "row 2: labels.csv is missing or not an image"),
        ("file,label,source\nx.png,,a\n", "row 2: label is '', expected"),
    ],
)
def test_mistakes_are_named(folder, text, message):
    with pytest.raises(StageError, match=message):
        read_labels(folder(text))


def test_a_missing_table_says_what_to_write(tmp_path):
    with pytest.raises(StageError, match=r"labels.csv not found: list each frame there as file,label,source"):
        read_labels(tmp_path)
