"""What is the demo's is said to be, and nothing else."""

import json

import pytest
from conftest import ROOT

from stages.common.data.files import read_yaml
from stages.common.stage.notes import note_on_dataset, note_on_run
from stages.common.stage.params import load_all_params


@pytest.fixture
def all_params(tmp_path):
    """Parameters of all stages with some values changed, by dotted key."""

    def load_params(changes):
        tree = read_yaml(ROOT / "params.yaml")
        for key, value in changes.items():
            *path, last = key.split(".")
            node = tree
            for part in path:
                node = node[part]
            node[last] = value
        (tmp_path / "params.yaml").write_text(json.dumps(tree))
        return load_all_params(tmp_path / "params.yaml")

    return load_params


def profile(name):
    words = (ROOT / "profiles" / name).read_text().split()[1::2]
    pairs = dict(word.split("=", 1) for word in words)
    return pairs | {"dataset.sources": ["quilt"]}


def test_the_demo_says_what_it_is(all_params):
    for note in (note_on_dataset, note_on_run):
        assert note(all_params({})).startswith("Demo world: scripted narration over drawn tissue.")
        assert "videos, pubmed, openpath, laion" in note(all_params({}))
    assert "test sets, gold labels." in note_on_run(all_params({}))


def test_own_data_is_never_called_the_demos(all_params):
    own = all_params(profile("mine"))
    assert note_on_dataset(own) == ""
    assert "demo" not in note_on_run(own).lower()
    assert "frame filter has learned from no frames of yours" in note_on_run(own)
    assert note_on_run(all_params(profile("mine") | {"frame_filter.frames": "data/frames"})) == ""


def test_with_own_videos_alone_only_the_rest_is_the_demos(all_params):
    own = all_params(
        {"videos.catalog": "catalogs/mine", "dataset.sources": ["quilt"], "report.note": "Ours,\n by hand."}
    )
    assert note_on_dataset(own) == "Ours, by hand."
    assert "From it come: test sets, gold labels." in note_on_run(own)
    assert "videos" not in note_on_run(own)


def test_a_place_is_the_demos_however_it_is_spelled(all_params, monkeypatch):
    monkeypatch.chdir(ROOT)
    for place in ("./data/demo/catalog", "data/../data/demo/catalog/", str(ROOT / "data/demo/catalog")):
        assert "videos" in note_on_dataset(all_params({"videos.catalog": place, "dataset.sources": ["quilt"]}))
    assert note_on_dataset(all_params({"videos.catalog": "data/demo_of_ours", "dataset.sources": ["quilt"]})) == ""
