"""Tables and records of one schema: what writers cast, what readers check."""

import io
import json
from dataclasses import replace
from typing import NotRequired

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typing_extensions import TypedDict

from stages.common.errors import StageError
from stages.common.tables import schema
from stages.common.tables.schema import Column, Record, Table

TOYS = Table(
    stage="toys",
    path="data/toys/{id}.parquet",
    rows="a toy",
    columns=(Column("name", "string", "what it is called"), Column("weight", "double", "on a scale", "kg")),
    more=Column("flag_", "double", "probability"),
)


class Toy(TypedDict):
    name: str
    parts: list[dict[str, float]]
    sides: NotRequired[tuple[float, float]]


TOY = Record("toys", "data/toys/{id}.json", Toy)


def test_reading_a_column_that_no_writer_wrote_names_column_file_and_stage(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"name": ["ball"]}).to_parquet(path)
    message = f"{path}: column 'weight' is missing: stage toys writes it: run `dvc repro toys`"
    with pytest.raises(StageError) as caught:
        TOYS.read(path)
    assert str(caught.value) == message
    assert TOYS.read(path, ["name"]).name.tolist() == ["ball"], "what is not asked for may be missing"
    with pytest.raises(StageError, match="column 'weight' is missing"):
        TOYS.read_bytes(path.read_bytes(), "a.tar#a.parquet")


def test_a_column_of_another_type_names_column_types_file_and_stage(tmp_path):
    path = tmp_path / "a.parquet"
    for frame, message in (
        ({"name": ["ball"], "weight": ["1.0"]}, "column 'weight' is string, should be double"),
        ({"name": ["ball"], "weight": [1]}, "column 'weight' is int64, should be double"),
        ({"name": [3], "weight": [1.0]}, "column 'name' is int64, should be string"),
        ({"name": ["ball"], "weight": [1.0], "flag_new": [True]}, "column 'flag_new' is bool, should be double"),
    ):
        pd.DataFrame(frame).to_parquet(path)
        with pytest.raises(StageError) as caught:
            TOYS.read(path)
        assert str(caught.value) == f"{path}: {message}: stage toys writes it: run `dvc repro toys`"
    pd.DataFrame({"name": ["ball"], "weight": [1.0], "colour": [3]}).to_parquet(path)
    assert len(TOYS.read(path)) == 1, "a column that the schema does not know is nobody's"


def test_files_that_are_missing_or_broken_name_the_stage(tmp_path):
    with pytest.raises(StageError, match=r"b.parquet not found: run `dvc repro toys`"):
        TOYS.read(tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"not a table")
    with pytest.raises(StageError, match=r"c.parquet is not a parquet file: run `dvc repro toys`"):
        TOYS.read(tmp_path / "c.parquet")


def test_a_column_that_is_there_twice_and_a_damaged_page_name_file_and_stage(tmp_path):
    twice = pa.table([pa.array(["a"]), pa.array([1.0]), pa.array([2.0])], names=["name", "weight", "weight"])
    pq.write_table(twice, tmp_path / "a.parquet")
    with pytest.raises(StageError) as caught:
        TOYS.read(tmp_path / "a.parquet")
    said = f"{tmp_path}/a.parquet: column 'weight' is there 2 times: stage toys writes it: run `dvc repro toys`"
    assert str(caught.value) == said
    frame = pd.DataFrame({"name": [f"toy {n}" for n in range(1000)], "weight": np.arange(1000.0)})
    data = bytearray(TOYS.to_bytes(frame))
    data[4:400] = bytes([255]) * 396  # the first page; the footer with the schema is whole
    (tmp_path / "b.parquet").write_bytes(data)
    with pytest.raises(StageError, match=r"^.*b.parquet is damaged \(.*\): run `dvc repro toys`$"):
        TOYS.read(tmp_path / "b.parquet")
    with pytest.raises(StageError, match=r"^b.tar#b.parquet is damaged \(.*\): run `dvc repro toys`$"):
        TOYS.read_bytes(bytes(data), "b.tar#b.parquet")


def test_a_table_of_several_stages_names_none(tmp_path):
    shared = replace(TOYS, stage="")
    pd.DataFrame({"name": ["ball"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(StageError, match=r"'weight' is missing: run the stage that makes it \(`dvc repro`\)"):
        shared.read(tmp_path / "a.parquet")
    with pytest.raises(StageError, match=r"b.parquet not found: run the stage that makes it \(`dvc repro`\)"):
        shared.read(tmp_path / "b.parquet")


def test_what_is_written_has_the_columns_in_their_order_and_types_and_no_wording(tmp_path):
    TOYS.write(tmp_path / "a.parquet", pd.DataFrame({"flag_new": [0.5], "weight": [1], "name": [None]}))
    found = pq.read_schema(tmp_path / "a.parquet")
    assert found.names == ["name", "weight", "flag_new"]
    assert found.types == [pa.string(), pa.float64(), pa.float64()]
    assert all(not field.metadata or b"meaning" not in field.metadata for field in found)
    assert TOYS.schema.field("weight").metadata == {b"unit": b"kg", b"meaning": b"on a scale"}


def test_bytes_are_those_that_pandas_writes_for_the_same_types():
    frame = pd.DataFrame({"name": ["a", "b"], "weight": [0.5, np.nan]})
    frame.to_parquet(buffer := io.BytesIO(), index=False)
    assert TOYS.to_bytes(frame) == buffer.getvalue()


def test_parts_make_the_table_that_one_frame_would(tmp_path, monkeypatch):
    frame = pd.DataFrame({"name": list("abcde"), "weight": [0.5, np.nan, 1, 2, 3]})
    parts = [frame[:1], frame[1:3], frame[3:]]
    TOYS.write_parts(tmp_path / "a.parquet", iter(parts))
    assert (tmp_path / "a.parquet").read_bytes() == TOYS.to_bytes(frame)
    monkeypatch.setattr(schema, "PART", 2)
    TOYS.write_parts(tmp_path / "b.parquet", iter(parts))
    assert pq.ParquetFile(tmp_path / "b.parquet").num_row_groups == 2
    assert TOYS.read(tmp_path / "b.parquet").equals(frame)
    assert [len(part) for part in TOYS.read_parts(tmp_path / "b.parquet")] == [2, 2, 1]
    assert pd.concat(TOYS.read_parts(tmp_path / "b.parquet"), ignore_index=True).equals(frame)
    TOYS.write_parts(tmp_path / "c.parquet", [])
    assert TOYS.read(tmp_path / "c.parquet").empty
    assert list(TOYS.read(tmp_path / "b.parquet", without=["name"]).columns) == ["weight"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"name": ["a"]}, "columns weight are missing"),
        ({"name": ["a"], "weight": [1.0], "colour": ["red"]}, "columns colour are missing or not in the schema"),
        ({"name": ["a"], "weight": ["heavy"]}, "toys"),
    ],
)
def test_a_writer_that_breaks_the_schema_is_told(frame, message):
    with pytest.raises(ValueError, match=message):
        TOYS.to_bytes(pd.DataFrame(frame))


def test_tuples_are_written_as_lists_and_read_back_as_tuples(tmp_path):
    boxes = Record("toys", "data/toys/{id}.json", list[tuple[float, float]])
    boxes.write(tmp_path / "a.json", [(0.0, 0.5)])
    boxes.write(tmp_path / "b.json", boxes.read(tmp_path / "a.json"))
    assert boxes.read(tmp_path / "b.json") == [(0.0, 0.5)]
    (tmp_path / "b.json").write_text("[[0.0]]")
    with pytest.raises(StageError, match=r"b.json: '0.1' is missing: stage toys"):
        boxes.read(tmp_path / "b.json")


def test_a_record_that_lacks_a_key_names_key_file_and_stage(tmp_path):
    path = tmp_path / "a.json"
    TOY.write(path, {"name": "ball", "parts": [{"radius": 1.0}]})
    assert TOY.read(path) == {"name": "ball", "parts": [{"radius": 1.0}]}
    TOY.write(path, {"name": "box", "parts": [], "sides": (1, 2.5)})
    assert TOY.read(path) == {"name": "box", "parts": [], "sides": (1.0, 2.5)}, "of the types that the form gives"
    path.write_text(json.dumps({"name": "ball"}))
    with pytest.raises(StageError, match=r"a.json: 'parts' is missing: stage toys writes it: run `dvc repro toys`"):
        TOY.read(path)
    path.write_text(json.dumps({"name": "ball", "parts": [{"radius": "big"}]}))
    with pytest.raises(StageError, match=r"a.json: parts.0.radius: "):
        TOY.read(path)
    path.write_text(json.dumps({"name": 3, "parts": []}))
    with pytest.raises(StageError, match=r"a.json: name: Input should be a valid string: stage toys"):
        TOY.read(path)
    path.write_text(json.dumps({"name": "ball", "parts": [{"radius": "1.0"}]}))
    with pytest.raises(StageError, match=r"a.json: parts.0.radius: Input should be a valid number"):
        TOY.read(path)
    path.write_text("[]")
    with pytest.raises(StageError, match=r"a.json: the record: Input should be an object: stage toys"):
        TOY.read(path)
    path.write_text("{")
    with pytest.raises(StageError, match=r"a.json: it is not JSON"):
        TOY.read(path)
    with pytest.raises(StageError, match=r"b.json not found: run `dvc repro toys`"):
        TOY.read(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "ball"}, "'parts' is missing"),
        ({"name": 3, "parts": []}, "name: Input should be a valid string"),
        ({"name": "ball", "parts": [{"radius": "1.0"}]}, "parts.0.radius: Input should be a valid number"),
    ],
)
def test_a_writer_of_a_record_that_breaks_the_schema_is_told_and_nothing_is_written(tmp_path, value, message):
    with pytest.raises(ValueError, match=message):
        TOY.write(tmp_path / "a.json", value)
    assert not (tmp_path / "a.json").exists()
