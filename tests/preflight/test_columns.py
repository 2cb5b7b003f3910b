"""The page of columns says what the schemas say; test_pages.py holds the committed page to them."""

import importlib
import pkgutil
import re

import pytest

from stages.common import tables
from stages.common.tables.schema import Record, Table
from stages.preflight.columns import columns_page

DECLARED = {
    str(value.path): value
    for module in pkgutil.iter_modules(tables.__path__, f"{tables.__name__}.")
    for value in vars(importlib.import_module(module.name)).values()
    if isinstance(value, Table | Record)
}


@pytest.fixture(scope="module")
def page():
    return columns_page()


def rows(page, path):
    """The cells of the tables below the heading of a file."""
    (body,) = re.findall(rf"^## `{re.escape(path)}`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    lines = [line for line in body.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


@pytest.mark.parametrize("path", DECLARED)
def test_every_table_and_record_is_on_the_page_with_all_its_columns(page, path):
    found = rows(page, path)
    value = DECLARED[path]
    if isinstance(value, Table):
        named = [(f"`{one.name}`", str(one.type)) for one in value.schema]
        assert [tuple(row[:2]) for row in found][: len(named)] == named
    else:
        assert {f"`{key}`" for key in getattr(value.kind, "__annotations__", ())} <= {row[0] for row in found}


def test_every_column_and_key_has_a_meaning(page):
    assert [line for line in page.splitlines() if line.startswith("| `") and line.endswith("|  |")] == []


def test_the_records_inside_a_record_follow_it(page):
    found = {row[0]: row[1:] for row in rows(page, "data/captions/{id}.json")}
    assert found["`sentences`"][0] == "list of `CaptionSentence`"
    assert found["`times`"] == ["list of [number, number]", "start and end of each word, s"]
    assert found["`negated`"] == ["true or false", "true where the text says that it is absent"]
