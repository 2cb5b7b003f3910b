"""The version stands in one place, and what was made says which one made it."""

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT

from stages.common.data.files import read_json, read_yaml
from stages.common.stage import version as versions


def test_the_version_printed_is_that_of_pyproject(tmp_path):
    """From any folder, and without the libraries that stages work with."""
    command = [sys.executable, "-m", "stages", "--version"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    stated = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{stated[1]}\n"


def test_no_other_file_repeats_it():
    """CITATION.cff would be a second place."""
    assert not re.search(r"^version:", (ROOT / "CITATION.cff").read_text(), re.M)


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """A pyproject.toml of another version."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "7.8.9"\n')
    monkeypatch.setattr(versions, "PYPROJECT", tmp_path / "pyproject.toml")


def test_the_datasets_card_and_croissant_name_it(tmp_path, next_version):
    from stages.common.tables.pairs import pairs_table
    from stages.dataset.card import write_card, write_croissant

    table = pairs_table([]).assign(split="", drop="")
    metrics = {
        "pairs": 0,
        "images": 0,
        "per_source": {},
        "per_split": {},
        "images_per_split": {},
        "words_per_text": 0.0,
    }
    metrics |= {
        "shards": {"train": 0},
        "leaks_left": {"evalsets": 0, "test": 0, "second_look": {"looked_at": 0, "evalsets": 0, "test": 0}},
    }
    write_card(tmp_path, table, metrics, "A dataset", "")
    assert "Made by version 7.8.9 of" in " ".join((tmp_path / "README.md").read_text().split())
    table.to_parquet(tmp_path / "pairs.parquet")
    write_croissant(tmp_path, "a-dataset")
    assert read_json(tmp_path / "croissant.json")["version"] == "7.8.9"


def test_the_models_card_names_it(tmp_path, next_version, stage_params):
    from stages.quiltnet.card import write_card

    facts = dict.fromkeys(("train_loss", "val_loss", "gap", "logit_scale", "steps"))
    facts |= dict.fromkeys(("parameters", "tuned_parameters", "images", "texts", "best_epoch"), 0) | {"data": "abc"}
    write_card(tmp_path, SimpleNamespace(config={"text_cfg": {}}), stage_params("quiltnet"), facts, "")
    assert "version 7.8.9" in (tmp_path / "README.md").read_text()


def test_a_new_version_alone_makes_no_stage_stale():
    """docs/dependencies.md says why."""
    for definition in read_yaml(ROOT / "dvc.yaml")["stages"].values():
        assert "pyproject.toml" not in definition.get("do", definition)["deps"]
