"""A name means one thing: no two classes share theirs."""

import ast
from collections import defaultdict

from conftest import ROOT

OF_EVERY_STAGE = {"Params"}


def test_no_two_classes_have_one_name():
    places = defaultdict(list)
    for path in sorted(path for room in ("stages", "benchmarks") for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: paths for name, paths in places.items() if len(paths) > 1 and name not in OF_EVERY_STAGE} == {}
