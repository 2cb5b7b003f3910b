"""Paths of stages, their parameters and dvc.yaml say the same."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from conftest import ROOT

from stages.common import paths, tables
from stages.common.data.files import read_yaml
from stages.common.stage.params import schemas
from stages.common.tables.schema import Record, Table

ROOTS = {"DATA_DIR", "MODELS_DIR", "REPORTS_DIR"}
UNTRACKED = {  # no outputs of dvc.yaml
    *("DEMO_DIR", "NAMED_DIR", "UNCERTAIN_DIR", "DOWNLOADS_DIR", "UNFINISHED_DIR", "PARTIAL_DIR"),
    *("FINGERPRINTS_STATE_DIR", "TRAINING_STATE_DIR", "TIMINGS_DIR", "LOGS_DIR", "COMPARISON_DIR", "VECTORS_DIR"),
    "REVIEWS_DIR",
}
OF_OTHERS = {"data/tiles-v2/"}  # a folder in the official form of a test set
NO_STAGE = {"preflight", "demo", "comparison", "common"}  # preflight checks all parameters, others are no part of it


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


def test_every_folder_and_file_is_the_output_of_a_stage_in_dvc_yaml():
    written = {one.replace("${key}", "x") for stage in outs().values() for one in stage}
    for name, path in vars(paths).items():
        if name.endswith(("_DIR", "_FILE")) and name not in ROOTS | UNTRACKED:
            above = {path.as_posix(), *(one.as_posix() for one in path.parents)}
            inside = any(one.startswith(f"{path.as_posix()}/") for one in written)
            assert inside or above & written, f"{name}: {path} is in no output of dvc.yaml"


@pytest.mark.parametrize(("name", "table"), list(declared()))
def test_a_table_lies_in_the_outputs_of_the_stage_that_it_names(name, table):
    places = [out.split("${")[0] for out in outs()[table.stage]]
    assert any(table.path.as_posix().startswith(place.rstrip("/")) for place in places), f"{name}: {table.path}"


def written_out(code):
    """Paths below data, models or reports that code writes out, be it as one text or as a root and a name."""
    tree = ast.parse(code)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from re.findall(r"^(?:data|models|reports)/\S*$", node.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            yield from [ast.unparse(node)] if ast.unparse(node.left).split(".")[-1] in ROOTS else []


def test_paths_that_code_writes_out_are_told_from_sentences():
    code = """def f(name):
        '''data/a'''
        print("the tables in data/b", "data", name / "data", [root / name for root in (DATA_DIR, MODELS_DIR)])
        return Path("models/c"), f"data/d/{name}.json", paths.REPORTS_DIR / "e"
    """
    assert sorted(written_out(code)) == ["data/d/", "models/c", "paths.REPORTS_DIR / 'e'"]


@pytest.mark.parametrize("package", ["stages", "benchmarks"])
def test_no_other_module_writes_paths_of_stages_out(package):
    places = [path for path in (ROOT / package).rglob("*.py") if path != Path(paths.__file__)]
    found = {path.relative_to(ROOT).as_posix(): [*written_out(path.read_text(encoding="utf-8"))] for path in places}
    assert {name: ours for name, texts in found.items() if (ours := set(texts) - OF_OTHERS)} == {}


def reads(code):
    """Parameters of other sections that Python code reads: `section.name`, or `section` alone where it is handed on."""
    tree = ast.parse(code)
    sections = {}  # the expression by which a section goes in the code
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("load_params(") and node.value.args:
            sections[ast.unparse(node.targets[0].elts[0])] = ast.literal_eval(node.value.args[0])
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("all_params"):
            # What is no constant comes from a list of names, which is in `uses` itself.
            sections |= {ast.unparse(node): node.slice.value} if isinstance(node.slice, ast.Constant) else {}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if id(node) not in inner and isinstance(node, ast.Attribute):
            whole = ast.unparse(node)
            yield from (section + whole[len(at) :] for at, section in sections.items() if whole.startswith(f"{at}."))


def test_parameters_that_code_reads_are_found():
    code = """
evaluation, _ = load_params("evaluation")
read(evaluation.protocol, all_params["captions"].llm.model, evaluation_of.other)
"""
    assert sorted(reads(code)) == ["captions.llm.model", "evaluation.protocol"]


@pytest.mark.parametrize("stage", sorted(schemas() - NO_STAGE))
def test_parameters_of_other_stages_that_code_reads_are_declared_and_in_dvc_yaml(stage):
    uses = importlib.import_module(f"stages.{stage}.params").Params.uses
    definition = read_yaml(ROOT / "dvc.yaml")["stages"][stage]
    definition = definition.get("do", definition)
    deps = definition["deps"]  # of a folder that a parameter names, the content is what matters
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "stages" / stage).rglob("*.py")]
    for other in {one for text in code for one in reads(text) if one.split(".")[0] not in (stage, "base")}:
        declared = any(other == one or other.startswith(f"{one}.") for one in uses) or f"${{{other}}}" in deps
        assert declared, f"stages/{stage} reads {other}: name it in `uses`"
    assert set(uses) <= set(definition["params"])
