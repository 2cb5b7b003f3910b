"""What a person writes into a table stays, whatever is drawn anew."""

import csv
import io

import pandas as pd
import pytest

from stages.common.data.answers import write_to_fill_in
from stages.common.errors import StageError


def table(*ids, text="said"):
    return pd.DataFrame({"pair_id": ids, "text": text, "confidence": 0.5})


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def edited(path, change, separator=",", encoding="utf-8"):
    """Save the table as a person's spreadsheet does, with their `change` of its rows."""
    changed = change(rows(path))
    frame = pd.DataFrame(changed if changed is not None else rows(path)).fillna("")
    frame.to_csv(path, index=False, sep=separator, encoding=encoding)


@pytest.fixture
def path(tmp_path):
    write_to_fill_in(tmp_path / "sample.csv", table("a", "b", "c"), "pair_id")
    return tmp_path / "sample.csv"


def test_without_answers_the_table_is_the_one_that_is_drawn(path):
    write_to_fill_in(path, table("b", "d", text="said anew"), "pair_id")
    assert path.read_text() == table("b", "d", text="said anew").to_csv(index=False)


@pytest.mark.parametrize(("separator", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-8")])
def test_columns_cells_and_rows_of_a_person_stay(path, separator, encoding):
    def change(found):
        found[0] |= {"verdict": "wrong", "why": 'müsste, "so"\nheißen'}
        found[1] |= {"text": "corrected by hand"}
        return [*found, {"pair_id": "mine", "text": "an example"}, {"pair_id": "a", "verdict": "a second opinion"}]

    edited(path, change, separator, encoding)
    for drawn in (table("a", "b", "c"), table("c", "d", text="said anew"), table("a", "z"), table()):
        write_to_fill_in(path, drawn, "pair_id")
        found = rows(path)
        assert [row["verdict"] for row in found if row["pair_id"] == "a"] == ["wrong", "a second opinion"]
        assert next(row for row in found if row["pair_id"] == "a")["why"] == 'müsste, "so"\nheißen'
        assert [row["text"] for row in found if row["pair_id"] == "b"] == ["corrected by hand"]
        assert [row["text"] for row in found if row["pair_id"] == "mine"] == ["an example"]
        assert {row["pair_id"] for row in found} == {*drawn.pair_id, "a", "b", "mine"}
        assert list(found[0])[: len(drawn.columns)] == list(drawn.columns)


def test_what_nobody_touched_is_brought_up_to_date_beside_an_answer(path):
    edited(path, lambda found: found[0].update(verdict="right") or found)
    write_to_fill_in(path, table("a", "b", text="said anew"), "pair_id")
    assert [(row["pair_id"], row["text"], row["verdict"]) for row in rows(path)] == [
        ("a", "said anew", "right"),
        ("b", "said anew", ""),
    ]


def test_a_table_without_a_copy_of_what_was_drawn_is_taken_for_the_persons(path):
    path.with_suffix(".drawn.csv").unlink()
    write_to_fill_in(path, table("d"), "pair_id")
    assert {row["pair_id"] for row in rows(path)} == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"pair_id,text\na,\xe4\n", "not UTF-8"), (b"id,verdict\na,right\n", "'pair_id' is missing")],
)
def test_what_cannot_be_read_is_not_overwritten(path, content, message):
    path.write_bytes(content)
    with pytest.raises(StageError, match=f"sample.csv.*{message}"):
        write_to_fill_in(path, table("a"), "pair_id")
    assert path.read_bytes() == content
