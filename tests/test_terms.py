"""docs/terms.md: each term is found, by a plain search, in the place that is named."""

import ast
import re

import pytest
from conftest import ROOT

ROWS = re.findall(
    r"^\| ([^|`-][^|]*) \| ([^|]*) \| `(stages/[\w/.]+)`(?: `(\w+)`)? \|$", (ROOT / "docs/terms.md").read_text(), re.M
)


def spellings(term):
    """What a reader would search for: `a, b` and `a (b)` are two."""
    return [word for word in re.split(r", | \(|\)", term) if word]


def test_every_row_is_read():
    lines = [line for line in (ROOT / "docs/terms.md").read_text().splitlines() if "`stages/" in line]
    assert len(lines) == len(ROWS) > 40


@pytest.mark.parametrize(("term", "file"), [(row[0], row[2]) for row in ROWS], ids=lambda value: value)
def test_the_term_is_in_the_file(term, file):
    text = " ".join((ROOT / file).read_text().split()).lower()
    assert [word for word in spellings(term) if word.lower() not in text] == []


@pytest.mark.parametrize(("file", "name"), [(row[2], row[3]) for row in ROWS if row[3]])
def test_the_function_or_class_is_there(file, name):
    found = ast.parse((ROOT / file).read_text()).body
    assert name in {node.name for node in found if isinstance(node, ast.FunctionDef | ast.ClassDef)}
