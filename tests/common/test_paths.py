"""Paths of stages, their parameters and dvc.yaml say the same."""

import ast
import importlib
from pathlib import Path

import pytest
from conftest import ROOT

from stages.common import paths, tables
from stages.common.data.files import read_yaml
from stages.common.stage.params import schemas
from stages.common.tables.schema import Record, Table

NO_STAGE = {"preflight", "demo", "common"}  # preflight checks all parameters, the demo has a pipeline of its own


def outs():
    """Folders and files that dvc.yaml says a stage writes."""
    found = {}
    for name, stage in read_yaml(ROOT / "dvc.yaml")["stages"].items():
        stage = stage.get("do", stage)
        written = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
        found[name] = {next(iter(one)) if isinstance(one, dict) else one for one in written}
    return found


def declared():
    """Every table and record that stages hand on."""
    for path in sorted(Path(tables.__path__[0]).glob("*.py")):
        module = importlib.import_module(f"stages.common.tables.{path.stem}")
        for name, value in vars(module).items():
            if isinstance(value, Table | Record) and value.stage:
                yield f"{path.stem}.{name}", value


def test_every_folder_is_the_output_of_a_stage_in_dvc_yaml():
    written = {one.replace("${key}", "x") for stage in outs().values() for one in stage}
    for name, path in vars(paths).items():
        if name.endswith("_DIR") and name not in ("DATA_DIR", "MODELS_DIR", "REPORTS_DIR"):
            above = {path.as_posix(), *(one.as_posix() for one in path.parents)}
            inside = any(one.startswith(f"{path.as_posix()}/") for one in written)
            assert inside or above & written, f"{name}: {path} is in no output of dvc.yaml"


@pytest.mark.parametrize(("name", "table"), list(declared()))
def test_a_table_lies_in_the_outputs_of_the_stage_that_it_names(name, table):
    places = [out.split("${")[0] for out in outs()[table.stage]]
    assert any(table.path.as_posix().startswith(place.rstrip("/")) for place in places), f"{name}: {table.path}"


def reads(package):
    """Sections of params.yaml that the code of a stage reads beside its own."""
    for path in (ROOT / "stages" / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("load_params"):
                yield from (one.value for one in node.args[:1] if isinstance(one, ast.Constant))
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("all_params"):
                yield from (one.value for one in [node.slice] if isinstance(one, ast.Constant))


@pytest.mark.parametrize("stage", sorted(schemas() - NO_STAGE))
def test_parameters_of_other_stages_that_code_reads_are_declared_and_in_dvc_yaml(stage):
    uses = importlib.import_module(f"stages.{stage}.params").Params.uses
    for other in set(reads(stage)) - {stage, "base"}:
        assert any(one.split(".")[0] == other for one in uses), f"stages/{stage} reads {other}.*: name it in `uses`"
    listed = read_yaml(ROOT / "dvc.yaml")["stages"][stage]
    listed = listed.get("do", listed)["params"]
    assert set(uses) <= set(listed)
