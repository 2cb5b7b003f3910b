"""Documents name what is there: links, paths, targets of make, and the outputs of stages."""

import itertools
import json
import re
import subprocess

import pytest
from conftest import ROOT

from stages.common.data.files import read_yaml

DOCUMENTS = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
)
HEADLINE = (ROOT / "reports/summary.txt").read_text()
GUIDES = [path for path in DOCUMENTS if path.parent in (ROOT, ROOT / "docs") and path.name != "CHANGELOG.md"]
OURS = re.compile(r"`((?:\.ci|benchmarks|catalogs/quilt1m|docs|profiles|protocols|stages|tests)/[\w./-]+)`")
KEYS, METRICS = "data/keys/", "reports/metrics"  # to which many stages add a file
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()


def named(path):
    return path.relative_to(ROOT).as_posix()


def stages():
    """Name and definition of every stage of dvc.yaml."""
    for name, stage in read_yaml(ROOT / "dvc.yaml")["stages"].items():
        yield name, stage.get("do", stage)


def paths(entries):
    """Outputs or metrics of a stage, without the parts that stages of a template differ in."""
    names = (entry if isinstance(entry, str) else next(iter(entry)) for entry in entries)
    return [re.sub(r"[/_]?\$\{\w+\}(\.json)?$", "", name) for name in names]


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_to_files(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", GUIDES, ids=named)
def test_paths_of_the_repository_are_there(document):
    """But for those of a stage `x`, which stand for any."""
    found = [path for path in OURS.findall(document.read_text()) if "x" not in path.split("/")]
    assert [path for path in found if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", GUIDES, ids=named)
def test_targets_of_make_are_there(document):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"(?:`|^\$ )make ([a-z-]+)", document.read_text(), re.M)) <= set(targets)


@pytest.mark.parametrize(("name", "stage"), stages(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_table_of_stages_names_what_each_makes(name, stage):
    row = re.search(rf"^\| `{name}` \|.*$", ARCHITECTURE, re.M)
    assert row, f"{name} has no row"
    made = [path for path in paths([*stage["outs"], *stage.get("plots", [])]) if not path.startswith((KEYS, METRICS))]
    assert [path for path in made if f"`{path}" not in row[0]] == []


def test_every_arrow_between_stages_is_a_dependency():
    made = {
        path: name
        for name, stage in stages()
        for path in paths([*stage["outs"], *stage.get("metrics", []), *stage.get("plots", [])])
    }
    needs = {
        (made[out], name)
        for name, stage in stages()
        for dep in stage["deps"]
        for out in made
        if dep == out or dep.startswith((f"{out}/", f"{out}_")) or out.startswith(f"{dep}/")
    }
    graph = re.search(r"```mermaid\n(.*?)```", ARCHITECTURE, re.S)[1]
    chains = [line.strip().split(" --> ") for line in graph.splitlines() if "-->" in line]
    drawn = {pair for chain in chains for pair in itertools.pairwise(chain)}
    assert len(drawn) > 20
    assert drawn - needs == set()


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.name != "README.md"], ids=named)
def test_lines_are_short_enough_to_read_but_for_tables(document):
    """Not README.md, which shows the output of a command as it is."""
    lines = enumerate(document.read_text().splitlines(), 1)
    assert [number for number, line in lines if len(line) > 120 and not line.startswith("|")] == []


def test_the_score_of_the_demo_is_that_of_the_report():
    score = re.search(r"balanced accuracy after +([\d.]+)", HEADLINE)[1]
    page = " ".join((ROOT / "docs/evaluation.md").read_text().split())
    assert re.findall(r"the tuned model scores ([\d.]+) under `demo.yaml`", page) == [score]
    metrics = json.loads((ROOT / "reports/metrics.json").read_text())["zero_shot"]
    assert float(score) == round(metrics["tuned"]["mean"]["balanced_accuracy"], 3)
    assert f"after {score}" in " ".join((ROOT / "README.md").read_text().split())


@pytest.mark.parametrize("page", ["CHANGELOG.md", "docs/extending.md"])
def test_what_dvc_says_of_an_older_params_file_is_answered(page):
    text = " ".join((ROOT / page).read_text().split())
    for part in ("`Could not find 'sources.more'`", "add `more: {}` below `sources`", "`python -m stages.preflight`"):
        assert part in text


@pytest.mark.parametrize("path", [*GUIDES, ROOT / "params.yaml"], ids=named)
def test_prose_is_spelled_in_one_way_and_negates_plainly(path):
    prose = re.sub(r"```.*?```|`[^`]*`|^[ \w]+:(?= )", "", path.read_text(), flags=re.S | re.M)
    american = r"\b(?:colors?|gray|(?:normal|regular|recogn|organ)iz\w+|behaviors?|labeled|neighbors?)\b"
    assert re.findall(american, prose, re.I) == []
    assert re.findall(r"(?<!There )(?<!there )\b(?:is|are) no (?!longer\b|more\b)\w+", prose) == []
