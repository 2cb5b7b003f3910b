"""What stages/common knows of stages: it imports none, and names one only where CONTRIBUTING.md says so."""

import ast
import re

from conftest import ROOT

COMMON = ROOT / "stages/common"
STAGES = {path.parent.name for path in (ROOT / "stages").glob("*/__main__.py")}
HANDED_ON = ("paths.py", "tables/")  # what stages hand on
NOTES = "stage/notes.py"
# Words of files that others made: a column or a listing called captions, tensors called embeddings.
FOREIGN = {"data/columns.py", "evalsets/loaders.py", "models/checkpoint.py", "models/transformers_names.py"}


def modules():
    """(name, syntax tree) of the modules of stages/common."""
    for path in sorted(COMMON.rglob("*.py")):
        yield path.relative_to(COMMON).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def test_no_stage_is_imported():
    found = [
        (name, node.module)
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[:2] in [["stages", x] for x in STAGES]
    ]
    assert found == []


def test_stages_are_named_in_errors_alone_beside_the_places_that_are_listed():
    for_people, others = set(), set()
    for name, tree in modules():
        if name.startswith(HANDED_ON):
            continue
        errors = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docstrings:
                continue
            # A stage to run or its parameter; `pairs` alone is a word.
            if re.search(rf"\bdvc repro ({'|'.join(STAGES)})\b|\b({'|'.join(STAGES)})\.\w", node.value) or (
                node.value in STAGES
            ):
                (for_people if id(node) in errors else others).add(name)
    assert others == {NOTES} | FOREIGN
    listed = re.search(r"in errors that say.*?\((.*?)\)", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
    assert for_people == set(re.findall(r"`(.*?)`", listed[1]))


def test_the_names_of_the_built_in_sources_are_written_once():
    names = {"pubmed", "openpath", "laion", "table"}
    places = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "stages").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Tuple) and names <= {getattr(one, "value", None) for one in node.elts}
    ]
    assert places == ["stages/common/tables/sources.py"]
