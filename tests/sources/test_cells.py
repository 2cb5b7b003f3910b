"""What a cell has for texts, however it was written, and files with nothing in them that could be a row."""

import pytest

from stages.common.data.columns import number_of, texts_of
from stages.common.data.json_rows import json_rows
from stages.common.data.reading import Damage
from stages.common.data.rows import read_rows


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ("['one gland', \"two's ducts\"]", ["one gland", "two's ducts"]),
        ("['one gland', 'two ducts']", ["one gland", "two ducts"]),
        ('["one gland"]', ["one gland"]),
        ("['one gland' 'two ducts']", ["['one gland' 'two ducts']"]),
        ("['a', 1]", ["['a', 1]"]),
        ("[A] a gland", ["[A] a gland"]),
        ([{"role": "user", "content": "?"}, {"role": "assistant", "content": "a gland"}], ["a gland"]),
        ([{"role": "assistant", "content": [{"type": "text", "text": "a gland"}]}], ["a gland"]),
    ],
)
def test_texts_are_read_as_they_were_meant_or_left_as_they_are(cell, texts):
    assert texts_of(cell) == texts


@pytest.mark.parametrize(
    ("cell", "number"),
    [("0,31", 0.31), ("1,234", 1234), ("12,345.5", 12345.5), ("1,5", 1.5), (" 2 ", 2), ("1,2,3", None), ("a", None)],
)
def test_numbers_are_read_with_commas_too(cell, number):
    assert number_of(cell) == number


@pytest.mark.parametrize("text", ['{"rows": ["image"], "data": [["a.jpg"]]}', '{\n"a": 1,\n"b": [2]\n}'])
def test_json_without_objects_is_said(tmp_path, text):
    (tmp_path / "t.json").write_text(text)
    assert [one.reason for one in json_rows(tmp_path / "t.json", lambda names: "text" in names)] == ["no_columns"]


@pytest.mark.parametrize(
    ("data", "reasons"), [(b"\0" * 9, ["broken_table"]), (b"image,text\n", []), (b"a.jpg,a gland\n", [None])]
)
def test_a_single_line_is_a_header_a_row_or_said(tmp_path, data, reasons):
    (tmp_path / "t.csv").write_bytes(data)
    rows = read_rows(tmp_path / "t.csv", lambda names: {"image", "text"} <= set(names))
    assert [one.reason if isinstance(one, Damage) else None for one in rows] == reasons
