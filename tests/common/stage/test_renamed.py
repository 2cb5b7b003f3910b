"""Parameters that were renamed: the changelog has them, and an old name is answered with the new."""

import json

import pytest
from conftest import ROOT

from stages.common.data.files import read_yaml
from stages.common.errors import StageError
from stages.common.stage.params import ParamsModel, load_all_params, load_params


def renamed(prefix, params):
    """Old and new dotted name of every renamed parameter below `prefix`."""
    yield from ((f"{prefix}.{old}", f"{prefix}.{new}") for old, new in type(params).renamed.items())
    for name, value in params:
        if isinstance(value, ParamsModel):
            yield from renamed(f"{prefix}.{name}", value)


RENAMED = [pair for stage, params in load_all_params(ROOT / "params.yaml").items() for pair in renamed(stage, params)]


def old_file(tmp_path, old, new, keep=False):
    """A params.yaml in which one parameter goes by its old name."""
    tree = read_yaml(ROOT / "params.yaml")
    *parents, last = new.split(".")
    group = tree
    for parent in parents:
        group = group[parent]
    group[old.rpartition(".")[2]] = group[last] if keep else group.pop(last)
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps(tree))
    return path


def test_there_are_some():
    assert len(RENAMED) > 10


@pytest.mark.parametrize(("old", "new"), RENAMED)
def test_the_changelog_has_it(old, new):
    assert f"| `{old}` | `{new}` |" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(("old", "new"), RENAMED)
def test_the_new_name_is_a_parameter(old, new):
    stage, *path = new.split(".")
    value = load_params(stage, ROOT / "params.yaml")[0]
    for name in path:
        value = getattr(value, name)
    assert value is not None


@pytest.mark.parametrize("keep", [False, True], ids=["alone", "beside the new"])
@pytest.mark.parametrize(("old", "new"), RENAMED)
def test_an_old_name_is_answered_with_the_new_in_one_line(tmp_path, old, new, keep):
    path = old_file(tmp_path, old, new, keep)
    with pytest.raises(StageError) as error:
        load_params("report", path)
    assert str(error.value) == f"{path}: parameter {old} is called {new} now: {'remove' if keep else 'rename'} it"


def test_an_old_name_hides_no_other_fault_of_its_section(tmp_path):
    path = old_file(tmp_path, "dataset.near_bits", "dataset.phash_distance")
    tree = read_yaml(path)
    del tree["dataset"]["crop_cosine"]
    tree["dataset"] |= {"colour": 1, "text_jaccard": "much"}
    path.write_text(json.dumps(tree))
    with pytest.raises(StageError) as error:
        load_params("report", path)
    said = str(error.value)
    assert "parameter dataset.near_bits is called dataset.phash_distance now: rename it" in said
    assert "parameter dataset.crop_cosine is missing" in said
    assert "unknown parameter dataset.colour" in said
    assert "dataset.text_jaccard: " in said
    assert len(said.split("; ")) == 4


def test_old_names_in_several_sections_are_said_at_once(tmp_path):
    path = old_file(tmp_path, "dataset.near_bits", "dataset.phash_distance")
    tree = read_yaml(path)
    tree["frame_filter"]["c"] = tree["frame_filter"].pop("regularization_c")
    path.write_text(json.dumps(tree))
    with pytest.raises(StageError) as error:
        load_params("report", path)
    assert str(error.value) == (
        f"{path}: parameter frame_filter.c is called frame_filter.regularization_c now: rename it; "
        "parameter dataset.near_bits is called dataset.phash_distance now: rename it"
    )
