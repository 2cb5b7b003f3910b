"""Pages of docs/ that are made from the code are those committed, and say what the code says."""

import json
import re
from typing import Annotated, Literal

import pytest
from conftest import ROOT
from pydantic import Field, TypeAdapter

from stages.common.stage.params import load_all_params
from stages.preflight.pages import PAGES
from stages.preflight.reference import parameters_page, read_comments, type_in_words


@pytest.fixture(scope="module")
def all_params():
    return load_all_params(ROOT / "params.yaml")


def row(page, parameter):
    """The cells of a parameter's row."""
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{parameter}` |")]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_the_page_is_the_one_committed(path, all_params, monkeypatch):
    """After an edit of what it is made from: `make deps`."""
    monkeypatch.chdir(ROOT)
    assert PAGES[path](all_params) == (ROOT / path).read_text()


def test_every_parameter_has_a_row_with_its_meaning(all_params):
    page = parameters_page(all_params, ROOT / "params.yaml")

    def leaves(values, prefix):
        for name, value in values.items():
            section = isinstance(value, dict) and f"\n| `{prefix}{name}` |" not in page  # or names of the user's own
            yield from leaves(value, f"{prefix}{name}.") if section else [f"{prefix}{name}"]

    tree = {stage: json.loads(params.model_dump_json()) for stage, params in all_params.items()}
    parameters = list(leaves(tree, ""))
    assert len(parameters) > 100
    assert [name for name in parameters if not row(page, name)[3]] == []


@pytest.mark.parametrize(
    ("parameter", "kind", "marks"),
    [
        ("quiltnet.lr", "number, above 0", "read by report"),
        ("quiltnet.workers", "whole number, at least 0", "operational"),
        ("pairs.rule", "`words` | `paper`", "read by report"),
        ("evaluation.probe_fractions", "list of (number, above 0, at most 1), 1 or more entries", ""),
        ("evaluation.protocol", "text", "place; read by fingerprints, embeddings, comparison, report"),
        ("keyframes.prescreening.fps", "number, above 0", "read by videos"),
        ("sources.pubmed.search.last_year", "whole number, at least 1900", "operational"),
        ("videos.catalog", "text", "lists; read by dataset, report"),
    ],
)
def test_type_range_and_marks_are_those_of_the_schema(all_params, parameter, kind, marks):
    found = row(parameters_page(all_params, ROOT / "params.yaml"), parameter)
    assert (found[1], found[4]) == (kind, marks)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int | None, "whole number or `null`"),
        (dict[str, str], "mapping"),
        (Literal["one"], "`one`"),
        (list[Annotated[float, Field(gt=0)]], "list of (number, above 0)"),
        (Annotated[int, Field(ge=1, lt=9)], "whole number, at least 1, below 9"),
    ],
)
def test_every_kind_of_type_has_words(annotation, words):
    assert type_in_words(TypeAdapter(annotation).json_schema()) == words


def test_the_value_is_that_of_the_file(all_params):
    changed = all_params | {"quiltnet": all_params["quiltnet"].model_copy(update={"lr": 0.25})}
    assert row(parameters_page(changed, ROOT / "params.yaml"), "quiltnet.lr")[2] == "`0.25`"


def test_comments_are_read_wherever_they_stand(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(
        "a:  # of a section\n"
        "  beside: 'C# and # more'  # beside a text\n"
        "  folded:\n    a text below its key  # below the key\n"
        "  flow: ['#1', two]  # of a list in a line\n"
        "  # above a list\n"
        "  block:\n  - '# no comment'\n"
        "  none: 1\n"
        "  group:  # of a group\n    last: x  # of the last\n"
    )
    assert read_comments(path) == {
        "a": "of a section",
        "a.beside": "beside a text",
        "a.folded": "below the key",
        "a.flow": "of a list in a line",
        "a.block": "above a list",
        "a.none": "",
        "a.group": "of a group",
        "a.group.last": "of the last",
    }
