"""Tables and shards that are damaged, or written by programs of other habits, in a folder with one good image."""

import base64
import gzip
import io
import os
import tarfile
import zipfile
from dataclasses import replace

import pandas as pd
import pytest
from articles import article, encoded, tile

from stages.common.data import delimited, json_rows, rows
from stages.common.data.columns import id_of
from stages.common.data.reading import Damage
from stages.common.data.references import ImageReader
from stages.common.data.rows import read_rows
from stages.common.data.tars import write_tar
from stages.common.errors import Rejected
from stages.sources import pubmed, table
from stages.sources.candidate import Candidate
from stages.sources.collect import _encodable
from stages.sources.openpath import clean
from stages.sources.pubmed.panels import split_caption

IMAGE, OTHER = encoded(tile(1)), encoded(tile(2))
TEXT = "glands with necrosis"


@pytest.fixture
def read(tmp_path, stage_params):
    """Read files, given by name, as the source `table`; return (image, group, text), or the reason and its detail."""

    def found(files):
        for name, data in {"1.jpg": IMAGE, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
        params = stage_params("sources")
        own = params.table.model_copy(update={"folder": str(tmp_path)})
        return [seen(one) for one in table.candidates(params.model_copy(update={"table": own}))]

    def seen(one):
        if one.drop:
            return one.drop, one.detail
        image = ImageReader().read(one.image) if isinstance(one.image, str) else one.image
        return image, one.group, one.text

    return found


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "group"),
    [
        ("t.csv.zip", zipped({"__MACOSX/._t.csv": "x", "d/": "", "d/t.csv": f"image,text\n1.jpg,{TEXT}\n"}), "1.jpg"),
        ("t.csv", f"image,text\n1.0,{TEXT}\n", "1"),
        ("t.csv", f"image,text,patient_id\n1.jpg,{TEXT},17.0\n", "17"),
        ("t.csv", f"image,text,patient_id\n1.jpg,{TEXT},nan\n", "1.jpg"),
        ("t.csv", f"image,text\n{base64.urlsafe_b64encode(IMAGE).decode()},{TEXT}\n", "0"),
    ],
)
def test_habits_of_other_programs_cost_no_row(read, name, data, group):
    assert read({name: data}) == [(IMAGE, group, TEXT)]


def test_rows_that_r_has_numbered_are_told_from_commas_in_a_text(read):
    assert read({"t.csv": f"image,text\n1,1.jpg,{TEXT}\n2,1.jpg,{TEXT}\n"}) == [(IMAGE, "1.jpg", TEXT)] * 2
    found = read({"t.csv": f"image,text\n1,glands, nests\n1,{TEXT}\n"})
    assert [one[0] for one in found] == ["broken_row", IMAGE]


@pytest.mark.parametrize(
    ("cell", "name"),
    [("17.0", "17"), (17.0, "17"), ("1.50", "1.50"), ("1.2.0", "1.2.0"), ("NULL", ""), ("Nan B", "Nan B")],
)
def test_names_of_groups_are_the_same_whatever_a_column_was_read_as(cell, name):
    assert id_of(cell) == name


def test_a_sample_without_its_image_does_not_take_that_of_another_shard(read, tmp_path):
    write_tar(tmp_path / "a.tar", {"1.jpg": OTHER, "1.txt": TEXT.encode()})
    write_tar(tmp_path / "b.tar", {"1.txt": b"text of a lost image", "2.jpg": IMAGE, "2.txt": TEXT.encode()})
    assert read({}) == [(OTHER, "1.jpg", TEXT), ("missing_image", "no name"), (IMAGE, "2.jpg", TEXT)]


def test_a_shard_that_was_cut_short_is_good_up_to_there(read, tmp_path):
    write_tar(tmp_path / "a.tar", {"2.jpg": OTHER, "2.txt": TEXT.encode(), "3.jpg": OTHER})
    data = (tmp_path / "a.tar").read_bytes()
    place = data.index(b"3.jpg")
    (tmp_path / "a.tar").write_bytes(data[: place + 700])
    found = read({})
    assert found[0] == (OTHER, "2.jpg", TEXT)
    assert [one[0] for one in found[1:]] == ["broken_table"]
    with pytest.raises(Rejected, match="unreadable_image"):
        ImageReader().bounded(f"{tmp_path}/a.tar#3.jpg", 10**9)


def test_a_pipe_is_not_waited_for(read, tmp_path):
    os.mkfifo(tmp_path / "2.csv")
    os.mkfifo(tmp_path / "2.jpg")
    found = read({"1.csv": f"image,text\n1.jpg,{TEXT}\n"})
    assert found == [(IMAGE, "1.jpg", TEXT), ("broken_table", "2.csv: not a file")]
    with pytest.raises(Rejected, match="unreadable_image"):
        ImageReader().bounded(str(tmp_path / "2.jpg"), 10)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv.gz", gzip.compress(b"image,text\n1.jpg," + b"x" * 9000, mtime=0)),
        ("t.jsonl", b'{"image": "1.jpg", "text": "' + b"x" * 9000),
        ("t.json", b'[{"image": "1.jpg", "text": "' + b"x" * 9000 + b'"}]'),
    ],
)
def test_a_line_that_would_fill_the_memory_is_said(tmp_path, monkeypatch, name, data):
    monkeypatch.setattr(delimited, "LONGEST_LINE", 1000)
    monkeypatch.setattr(json_rows, "LONGEST_LINE", 1000)
    monkeypatch.setattr(json_rows, "LONGEST", 1000)
    monkeypatch.setattr(json_rows, "BLOCK", 100)
    (tmp_path / name).write_bytes(data)
    rows = list(read_rows(tmp_path / name, lambda names: {"image", "text"} <= set(names)))
    assert [isinstance(row, Damage) and "more than 1000 letters" in row.detail for row in rows] == [True]


@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", "xl/styles.xml"])
def test_a_workbook_whose_texts_would_fill_the_memory_is_said(tmp_path, monkeypatch, part):
    monkeypatch.setattr(rows, "MOST_TEXTS", 1000)
    data = zipped({part: "x" * 1001})
    (tmp_path / "t.xlsx").write_bytes(data)
    (damage,) = read_rows(tmp_path / "t.xlsx", lambda names: True)
    assert damage.detail == "1001 bytes of texts, more than 1000: save it as CSV"


def test_json_on_one_long_line_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(json_rows, "LONGEST_LINE", 50)
    rows = pd.DataFrame({"image": ["1.jpg"] * 9, "text": [TEXT] * 9})
    rows.to_json(tmp_path / "t.json", orient="records")
    assert list(read_rows(tmp_path / "t.json", lambda names: "text" in names)) == rows.to_dict("records")


def test_halves_of_characters_stop_nothing():
    whole = Candidate("k", "g", b"", "t", "p")
    broken = replace(whole, key="k\udcff", group="g\ud83d", text="t\udcff")
    for one in (_encodable(broken).key, _encodable(broken).group, _encodable(broken).text):
        one.encode()
    assert _encodable(whole) == whole


def test_articles_after_an_empty_line_and_in_other_tars_are_read(tmp_path, stage_params):
    xml = b"\xef\xbb\xbf\n" + article(("F1", f"<p>{TEXT}</p>", "f1"))
    with tarfile.open(tmp_path / "PMC1.tbz2", "w:bz2") as tar:
        for name, data in {"a.nxml": xml, "f1.jpg": IMAGE}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    params = stage_params("sources")
    own = params.pubmed.model_copy(update={"folder": str(tmp_path)})
    (found,) = pubmed.candidates(params.model_copy(update={"pubmed": own}))
    assert (found.drop, found.text) == ("", TEXT)


@pytest.mark.parametrize(
    ("tweet", "text"),
    [
        ("RT @a: RT @b: nests, see bit.ly/x1", "nests, see"),
        ("x.com/a/status/1 in G.I.path/lab", "in G.I.path/lab"),
        ("\U0001d401\U0001d428\U0001d425\U0001d41d nests, \U0001d6fd-catenin", "Bold nests, β-catenin"),
    ],
)
def test_tweets_lose_bare_addresses_and_letters_of_formulas(tweet, text):
    assert clean(tweet) == text


def test_panels_of_which_only_a_score_is_said_are_not_split():
    assert split_caption("Expression scores 0 (A), 1+ (B), 2+ (C) of HER2.") == []
    assert split_caption("H&E stain, magnification x10 (A) and x40 (B).") == []
    assert [text for _, text in split_caption("CD3 (A), p53 (B) and C4d (C).")] == ["CD3", "p53", "C4d"]
