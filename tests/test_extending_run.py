"""Parts of a user's own in a run of the pipeline: what runs, what is made, and what an edit of each runs again.

The tests follow each other on one clone.
"""

import json

import numpy as np
import pytest
from extensions import write_examples
from PIL import Image

from stages.demo.tissue import paint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
LEGENDS = (
    "Dense lymphocytes with small round nuclei",
    "Adipose tissue with large clear cells",
    "Is this a naevus?",
    "",
)
ATLAS = "{atlas: {read: 'extensions/atlas.py:read', folder: data/exports/atlas, suffix: .png}}"
TISSUES = ("lymphocytes", "adipose", "naevus", "stroma")
CHANGES = (
    ("more: {}", f"more: {ATLAS}"),
    ("  - openpath\n  - laion\n", "  - openpath\n  - laion\n  - atlas\n"),
    ("filters: []", "filters: ['extensions/telling.py:no_questions']"),
    ("engine: lexicon ", "engine: extensions/careful.py:engine "),
    ("loss: clip ", "loss: extensions/smooth.py:loss "),
    ("protocol: protocols/demo.yaml ", "protocol: protocols/tiles.yaml "),
    ("evalsets: data/demo/evalsets ", "evalsets: data/evalsets "),
)
SETS = {
    *("fingerprints", "embeddings"),
    *(f"evaluation@{task}" for task in ("zero_shot", "linear_probe", "retrieval", "few_shot")),
}


def draw(path, tissue, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(paint(tissue, 256, 256, np.random.default_rng(seed))).save(path)


@pytest.fixture(scope="module")
def extended(scratch):
    """The clone with every part that the page adds, run once. Its outputs are symbolic links to DVC's cache."""
    scratch.link("symlink")
    write_examples(scratch.folder)
    for number, (tissue, legend) in enumerate(zip(TISSUES, LEGENDS, strict=True)):
        image = scratch.folder / f"data/exports/atlas/chapter{number}/{number}.png"
        draw(image, tissue, number)
        if legend:
            image.with_suffix(".txt").write_text(legend)
    for number in range(6):
        name = f"{('gland', 'stroma')[number % 2]}_{number}.png"
        draw(scratch.folder / "data/evalsets/tiles" / name, "stroma", 9 + number)
    for change in CHANGES:
        scratch.edit(*change)
    scratch.first, _ = scratch.ran("dvc", "repro")
    return scratch


def test_every_part_takes_part_and_what_does_not_depend_on_it_does_not_run(extended):
    kept = {"frame_filter", "videos", "keyframes", "transcripts", "rois", "lexicon", "sources@pubmed", "sources@table"}
    assert {"preflight", "sources_more@atlas", "captions", "dataset", "quiltnet"} | SETS <= set(extended.first)
    assert kept & set(extended.first) == set()
    assert extended.metrics("sources_atlas")["dropped"]["no_legend"] == 1
    dataset = extended.metrics("dataset")
    assert dataset["per_source"]["atlas"] == 2
    assert dataset["dropped_per_source"]["atlas"]["question"] == 1
    assert extended.metrics("zero_shot")["tuned"]["tiles"]["images"] == 6
    sentences = [
        sentence
        for path in (extended.folder / "data/captions").glob("*.json")
        for sentence in json.loads(path.read_text())["sentences"]
        if sentence["text"].endswith("?")
    ]
    assert {sentence["kind"] for sentence in sentences} <= {"other"}
    assert "extensions/smooth.py:loss" in (extended.folder / "models/quiltnet/README.md").read_text()


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("atlas", {"sources_more@atlas"}),
        ("careful", {"captions"}),
        ("telling", {"dataset"}),
        ("smooth", {"quiltnet"}),
        ("tiles", SETS | {"report"}),  # whose page names the protocol's digest
    ],
)
def test_an_edit_of_a_file_is_seen_by_the_stage_that_runs_it_alone(extended, file, stages):
    path = extended.folder / f"extensions/{file}.py"
    text = path.read_text()
    path.write_text(f"{text}\nMORE = 1\n")
    changed = set(json.loads(extended.call("dvc", "status", "--json")))
    path.write_text(text)
    assert changed - {"preflight"} == stages, "preflight looks whether each can still be loaded"


def test_an_edit_makes_items_anew_and_a_comment_none(extended):
    path = extended.folder / "extensions/careful.py"
    text = path.read_text()
    for addition, anew in (("# a comment\n", False), ("MORE = 1\n", True)):
        path.write_text(f"{text}\n{addition}")
        ran, out = extended.ran("dvc", "repro", "pairs")
        assert ran == ["preflight", "captions"], "captions are the same bytes, so pairs does not run"
        assert bool(extended.items(out)["captions"]) == anew
    path.write_text(text)
    extended.ran("dvc", "repro", "pairs")


def test_a_file_that_cannot_be_loaded_is_said_before_anything_is_removed(extended):
    path = extended.folder / "extensions/telling.py"
    text = path.read_text()
    path.write_text(f"{text}\nimport no_such_module\n")
    extended.call("dvc", "repro", "dataset", fails=True)
    path.write_text(text)
    assert "preflight: error: dataset.filters: extensions/telling.py line" in extended.said
    assert (extended.folder / "data/dataset/pairs.parquet").exists()


def test_a_source_that_leaves_takes_its_outputs_with_it(extended):
    extended.edit(f"more: {ATLAS}", "more: {}")
    extended.edit("  - atlas\n", "")
    ran, _ = extended.ran("dvc", "repro", "dataset")
    assert ran == ["preflight", "fingerprints", "dataset"]
    assert not (extended.folder / "data/sources/more/atlas").exists()
    assert not (extended.folder / "reports/metrics/sources_atlas.json").exists()
    assert "atlas" not in extended.metrics("dataset")["per_source"]


def test_no_stage_has_written_into_the_cache(extended):
    assert extended.damaged_objects() == []
    assert (extended.folder / "models/quiltnet/README.md").is_symlink()
