"""What is nearest is what a plain product of all vectors says, and the index is made once."""

import argparse
import itertools
import json
import shutil

import numpy as np
import pytest
from training import DEVICE

from stages.common.data.references import ImageReader
from stages.common.data.tars import write_tar
from stages.common.errors import StageError
from stages.common.models.clip import build, load, save
from stages.common.models.embed import embed_images, embed_texts
from stages.common.tables import schema
from stages.common.tables.dataset import DATASET_TABLE
from stages.search.__main__ import _arguments, run
from stages.search.index import Hit, nearest_rows, read_vectors, write_vectors
from stages.search.samples import ImageSample, drawn_samples, samples_of, shards_of
from stages.search.terminal import lines


@pytest.fixture(scope="module")
def made(tmp_path_factory, shards, tiny):
    """A finished dataset and model."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(shards, folder / "data/dataset")
    empty = {column.name: 0 if column.type in ("int64", "double") else "" for column in DATASET_TABLE.columns}
    samples = [sample for shard in shards_of(shards) for sample in samples_of(shard)]
    rows = [
        empty | {"pair_id": pair, "image": one.image, "source": "quilt", "split": one.split, "sub_pathology": field}
        for one, field in zip(samples, itertools.cycle(["Breast", ""]))
        for pair in one.pair_ids
    ]
    DATASET_TABLE.write(folder / "data/dataset/pairs.parquet", DATASET_TABLE.frame(rows))
    save(build(str(tiny), "none", 0), folder / "models/quiltnet")
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch, made, stage_params, base):
    """These in the working directory; ask it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)

    def ask(question, by="image", count=5, html=None):
        return run(stage_params("search", sample=12, nearest=4, batch_size=8), base, question, by, count, html)

    ask.folder = tmp_path
    return ask


def printed(capsys):
    """Rows of the answer, by column; a text is the last."""
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["rank", "score", "pair_id", "source", "text"]
    return [row.split(None, 4) for row in rows]


def test_answers_are_those_of_one_product(place, capsys):
    clip, shards = load(place.folder / "models/quiltnet"), shards_of(place.folder / "data/dataset")
    samples = [sample for shard in shards for sample in samples_of(shard)]
    question = embed_texts(clip, ["dense lymphocytes"], 1, DEVICE)[0]
    images = embed_images(clip, [one.image for one in samples], ImageReader().read, 8, DEVICE, 1)
    texts = [(text, pair) for one in samples for text, pair in zip(one.texts, one.pair_ids, strict=True)]
    of_texts = embed_texts(clip, [text for text, _ in texts], 8, DEVICE)
    for by, vectors, pairs in (
        ("image", images, [one.pair_ids[0] for one in samples]),
        ("text", of_texts, [pair for _, pair in texts]),
    ):
        scores = vectors @ question
        best = np.argsort(-scores)[:5]
        place("dense lymphocytes", by)
        rows = printed(capsys)
        assert [float(row[1]) for row in rows] == pytest.approx(scores[best].tolist(), abs=2e-3), by
        assert rows[0][2] in {pairs[n] for n in np.flatnonzero(scores > scores.max() - 2e-3)}
    assert rows[0][4] == "dense lymphocytes", "of all texts the same one is the nearest"


def test_words_longer_than_a_name_may_be_are_words(place, capsys):
    place("necrosis " * 600, count=1)
    assert len(printed(capsys)) == 1


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_count_is_one_or_more(count, capsys):
    parser = argparse.ArgumentParser()
    _arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["fat", "--count", count])
    assert "--count" in capsys.readouterr().err


def test_an_image_of_the_dataset_finds_itself(place, capsys):
    sample = samples_of(place.folder / "data/dataset/train-000001.tar")[3]
    (place.folder / "image.jpg").write_bytes(ImageReader().read(sample.image))
    place("image.jpg", html=place.folder / "answers.html")
    first = printed(capsys)[0]
    assert first[2] == sample.pair_ids[0]
    assert float(first[1]) == pytest.approx(1, abs=2e-3)
    page = (place.folder / "answers.html").read_text()
    assert page.count('<img src="data:image/jpeg') == 5
    assert "http" not in page


def test_the_index_is_made_once_and_goes_with_the_model(place, tiny, capsys):
    shards = len(shards_of(place.folder / "data/dataset"))
    assert place("fat", "text")["shards embedded"] == shards
    assert place("adipose tissue", "text")["shards embedded"] == 0
    files = sorted((place.folder / ".cache/vectors/search").rglob("*.safetensors"))
    files[1].unlink()  # as after a kill
    assert place("fat", "text")["shards embedded"] == 1
    save(build(str(tiny), "none", 1), place.folder / "models/quiltnet")
    assert place("fat", "text")["shards embedded"] == shards
    assert len(sorted((place.folder / ".cache/vectors/search").rglob("*.safetensors"))) == shards


def test_what_is_missing_is_said_in_one_line(place):
    with pytest.raises(StageError, match=r"none\.png: there is no such image"):
        place("none.png")
    (place.folder / "broken.png").write_bytes(b"no image")
    with pytest.raises(StageError, match=r"^[^:]*broken\.png: unreadable_image: give another"):
        place("broken.png")
    with pytest.raises(StageError, match="ask for words"):
        place(" ")
    shutil.rmtree(place.folder / "models")
    with pytest.raises(StageError, match=r"not found: run `dvc repro quiltnet`"):
        place("fat")
    shutil.rmtree(place.folder / "data/dataset")
    with pytest.raises(StageError, match=r"data/dataset has no shards: run `dvc repro dataset`"):
        place("fat")


def test_the_page_of_the_pipeline_repeats_and_shows_held_out_images_first(place):
    assert place(None) == {"items": 12, "phrases": 12}
    first = (place.folder / "reports/search.html").read_bytes()
    place(None)
    assert (place.folder / "reports/search.html").read_bytes() == first
    page = first.decode()
    assert "<li>quilt: Breast 6, not stated 6</li>" in page
    samples, _ = drawn_samples(place.folder / "data/dataset", 8)
    assert [sample.split for sample in samples] == ["val"] * 8


def test_images_are_drawn_by_source_and_sub_pathology_whatever_the_parts_they_are_read_in(tmp_path, monkeypatch):
    empty = {column.name: 0 if column.type in ("int64", "double") else "" for column in DATASET_TABLE.columns}
    kinds = [("quilt", "Breast", 40), ("quilt", None, 3), ("pubmed", "", 40), ("laion", "", 2)]
    rows = [
        empty
        | {"source": source, "sub_pathology": field, "image": f"{source}{field}{n}", "split": ("train", "")[n > 35]}
        for source, field, count in kinds
        for n in range(count)
        for _ in range(2)
    ]
    rows = [row | {"pair_id": f"p{n}"} for n, row in enumerate(rows)]
    rows[10]["split"] = "test"
    DATASET_TABLE.write(tmp_path / "pairs.parquet", DATASET_TABLE.frame(rows))
    record = {"texts": ["a", "b"], "text_groups": ["a", "b"]}
    members = {}
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        pairs = {"pair_ids": [one["pair_id"], other["pair_id"]], "source": one["source"]}
        members |= {f"{one['image']}.jpg": b"", f"{one['image']}.json": json.dumps(record | pairs).encode()}
    write_tar(tmp_path / "train-000000.tar", members)
    samples, strata = drawn_samples(tmp_path, 22)
    assert strata == {"laion": {"not stated": 2}, "pubmed": {"not stated": 10}, "quilt": {"Breast": 7, "not stated": 3}}
    assert len(samples) == 22
    assert len({sample.image for sample in samples}) == 22
    assert rows[10]["pair_id"] in {pair for sample in samples for pair in sample.pair_ids}, "it was not learned from"
    monkeypatch.setattr(schema, "PART", 7)
    assert drawn_samples(tmp_path, 22) == (samples, strata)


@pytest.mark.parametrize("count", [1, 7, 500])
def test_nearest_rows_over_files_are_those_of_all_vectors_at_once(tmp_path, count):
    rng = np.random.default_rng(count)
    files = [rng.integers(-2, 3, (rows, 8)).astype(np.float32) for rows in (40, 1, 60)]  # with many equal scores
    question = rng.integers(-2, 3, 8).astype(np.float32)
    for number, vectors in enumerate(files):
        write_vectors(tmp_path / f"{number}.safetensors", vectors)
    found = nearest_rows((read_vectors(tmp_path / f"{number}.safetensors") for number in range(3)), question, count)
    places = [(number, row) for number, vectors in enumerate(files) for row in range(len(vectors))]
    scores = np.concatenate(files) @ question
    wanted = np.argsort(-scores, kind="stable")[:count]
    assert [one[:2] for one in found] == [places[n] for n in wanted]
    assert [one[2] for one in found] == scores[wanted].tolist()


def test_a_text_from_outside_cannot_write_to_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    evil = "\x1b[31mred\nnext " + "long " * 50
    rows = lines([Hit(0.5, ImageSample("x.tar#y.jpg", "table", "train", [evil], ["y"]), 0)])
    assert len(rows) == 2
    assert all(row.isprintable() and len(row) <= 60 for row in rows)
