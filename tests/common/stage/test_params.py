"""params.yaml is checked as a whole, and mistakes are named."""

import json
import re
import subprocess
import sys

import pytest
from commands import help_of
from conftest import ROOT

from stages.common.data.files import read_yaml
from stages.common.errors import StageError
from stages.common.stage.params import load_all_params, load_params


def changed(tmp_path, edit):
    tree = read_yaml(ROOT / "params.yaml")
    edit(tree)
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps(tree))  # JSON is YAML
    return path


def test_the_committed_file_is_valid_and_has_a_section_per_stage():
    stages = {path.parent.name for path in (ROOT / "stages").glob("*/params.py")} - {"common"}
    assert set(load_all_params(ROOT / "params.yaml")) == stages | {"base"}


def test_nearly_every_key_has_a_comment():
    lines = (ROOT / "params.yaml").read_text().splitlines()
    keys = [n for n, line in enumerate(lines) if re.match(r" +[a-z_0-9]+:", line)]
    explained = [n for n in keys if "#" in lines[n] or lines[n - 1].lstrip().startswith("#")]
    assert len(explained) / len(keys) > 0.85


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda t: t["videos"].update(min_durations=3),
            r"unknown parameter videos.min_durations, did you mean 'min_duration_s'",
        ),
        (lambda t: t["quiltnet"].update(epochs="many"), r"quiltnet.epochs: .*integer.* \(found 'many'\)"),
        (lambda t: t["quiltnet"].update(lr=-1.0), r"quiltnet.lr: .*greater than 0.* \(found -1.0\)"),
        (lambda t: t["pairs"].pop("rule"), r"parameter pairs.rule is missing"),
        (lambda t: t["pairs"].update(rule="guess"), r"pairs.rule: .*'words' or 'paper'"),
        (lambda t: t["sources"]["laion"].update(min_similarity=2.0), r"sources.laion.min_similarity"),
        (
            lambda t: t["frame_filter"].update(more_flags=["threshold"]),
            r"more_flags: should not have the name threshold",
        ),
        (lambda t: t["base"].update(offline="x"), r"base.offline: should be a valid boolean .*\(found 'x'\)"),
        (
            lambda t: t["sources"].update(more=3),
            r"sources.more: should be a group of names, each with its value \(found 3",
        ),
        (lambda t: t["sources"].update(laion=[]), r"sources.laion: should be a group of names, each with its value"),
        (lambda t: t.update(report=None), r"params.yaml: report: should be a group of names.*\(found None\)"),
        (lambda t: t.update(report=["a"]), r"params.yaml: report: .*\(found \['a'\]\)"),
        (lambda t: t.update(keyframe={}), r"no stage is called 'keyframe', did you mean 'keyframes'"),
    ],
)
def test_a_mistake_anywhere_stops_every_stage(tmp_path, edit, message):
    with pytest.raises(StageError, match=message):
        load_params("frame_filter", changed(tmp_path, edit))


def test_a_missing_or_broken_file_is_one_line(tmp_path):
    with pytest.raises(StageError, match="run stages from the repository root"):
        load_params("pairs", tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1")
    with pytest.raises(StageError, match="not valid YAML"):
        load_params("pairs", tmp_path / "params.yaml")


def test_the_command_line_prints_one_line_and_fails(tmp_path):
    changed(tmp_path, lambda t: t["report"].update(galery=3))
    done = subprocess.run(
        [sys.executable, "-m", "stages.pairs"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "pairs: error: params.yaml: unknown parameter report.galery, did you mean 'gallery'?"


@pytest.mark.parametrize("stage", sorted(p.parent.name for p in (ROOT / "stages").glob("*/__main__.py")))
def test_every_stage_explains_itself(stage):
    said = help_of(f"stages.{stage}")
    assert f"python -m stages.{stage}" in said
    assert len(said.splitlines()) > 4
