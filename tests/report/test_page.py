"""The page shows what was measured to everybody: in a headless Chromium, without a request, escaped, at any width."""

import json

import pytest
from conftest import ROOT
from run_of_two_videos import ATTACK, make

from stages.common.tables.dataset import DATASET_TABLE
from stages.common.tables.evaluation import SURE_ERRORS
from stages.report import page
from stages.report.census import Census
from stages.report.flow import flow
from stages.report.models import confusions, published_table, sure_errors, training
from stages.report.pairs import PairReader
from stages.report.published import read_published
from stages.report.run import OF_THE_PAPER, PAPER_FILE, differences, read_overrides

ANSWERS = [{"model": "tuned", "predicted": ATTACK, "probability": 0.875}]
ERROR = {"path": "2", "picture": "data:,", "actual": "adipose", "right": 0.125, "answers": ANSWERS}
ERRORS = {"nct_crc": {"images": 2, "wrong": 1, "surest": 9 * [ERROR]}}
NOTE = "Demo world: never how good, <b>you</b> know."
REPEATED = ("#metrics ~ details", ".plot svg", *(f".{name} > :nth-child(n + 5)" for name in ("gallery", "charts")))
SCHEMES = ("light", "dark")


def page_of(metrics, folder):
    census, reader = Census(DATASET_TABLE.at(), 0, 4), PairReader()
    return page.build(
        ATTACK,
        NOTE,
        metrics,
        census,
        reader,
        steps=flow(census, reader, ["quilt", "pubmed"]),
        differences=[("pairs.rule", "words", "paper")],
        training=training(folder / "plots/curve.csv"),
        confusions=confusions(folder),
        errors=sure_errors(folder / "errors.json"),
        published=published_table(metrics, read_published(), True),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a page of a small run, with the metrics of the committed one."""
    folder = tmp_path_factory.mktemp("page")
    metrics = json.loads((ROOT / "reports/metrics.json").read_text())
    (folder / "plots").mkdir()
    (folder / "plots/curve.csv").write_text("epoch,train,val\n1,2.5,2.6\n2,1.5,2.0\n")
    (folder / "nct_crc.csv").write_text(f'image,actual,predicted\n1,a,a\n2,a,"{ATTACK}"\n')
    SURE_ERRORS.write(folder / "errors.json", ERRORS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        metrics |= make()
        first, second = (page_of(metrics, folder) for _ in range(2))
        bare = page.build("Bare", "", {}, Census(DATASET_TABLE.at(), 0, 0), PairReader())
    assert first == second, "the same run gives the same bytes"
    (folder / "index.html").write_text(first)
    (folder / "bare.html").write_text(bare)
    return folder


def opened(tab, path):
    tab.open(path)
    tab.wait("document.documentElement.dataset.drawn")


def test_text_from_outside_is_text(made, tab):
    html = (made / "index.html").read_text()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    opened(tab, made / "index.html")
    assert tab.value("document.querySelector('h1').innerText") == ATTACK
    assert NOTE in tab.value("document.body.innerText")
    assert ATTACK in tab.value("document.querySelector('.steps').textContent")
    assert tab.noise == []
    assert tab.requests == []


def test_it_shows_what_the_run_is_and_what_was_measured(made, tab):
    opened(tab, made / "index.html")
    said = tab.value("document.body.innerText")
    mean = json.loads((ROOT / "reports/metrics.json").read_text())["zero_shot"]["tuned"]["mean"]
    interval = f"95 %: {mean['balanced_accuracy_low']:.3f} to {mean['balanced_accuracy_high']:.3f}"
    for words in ("hold F1", interval, "One of each reason and sub-pathology", "8 candidates came, 3 stay", "quilt"):
        assert words in said
    plots = tab.value("document.querySelectorAll('.plot').length")
    assert plots > 15
    assert tab.value("document.querySelectorAll('.plot svg').length") == plots
    assert tab.value("document.querySelectorAll('figure.chart table').length") == plots, "each has a table beside it"
    drawn = tab.value("document.querySelectorAll('.pair svg.overlay polyline').length")
    assert drawn > 0
    assert tab.value("document.querySelectorAll('.pair .absent').length") > 0
    assert tab.value("document.querySelector('.heard ins').innerText") == "keratin"
    [watched] = tab.value("[...new Set([...document.querySelectorAll('.pair a')].map((one) => one.pathname))]")
    assert watched == "/watch"


def test_the_surest_errors_are_there_with_what_they_were_taken_for(made, tab):
    opened(tab, made / "index.html")
    assert tab.value("document.querySelectorAll('.errors li').length") == 6
    said = tab.value("document.querySelector('.errors li p').innerText")
    assert said.replace("\u2028", "\n").split() == f"taken for {ATTACK}, 0.88 is adipose, 0.12".split()


def test_on_paper_what_is_closed_is_open_and_the_page_is_light(made, tab):
    opened(tab, made / "index.html")
    shut = "document.querySelectorAll('details.drop:not([open])').length"
    drops = tab.value(shut)
    assert drops > 5
    tab.value("dispatchEvent(new Event('beforeprint'))")
    assert tab.value(shut) == 0
    tab.value("dispatchEvent(new Event('afterprint'))")
    assert tab.value(shut) == drops
    tab.in_colours("dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert tab.value(paper) != "rgb(255, 255, 255)"
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    tab.call("Emulation.setEmulatedMedia", media="print", features=[dark])
    assert tab.value(paper) == "rgb(255, 255, 255)"
    tab.call("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("width", [1280, 360, 320])  # the last is 1280 at 400 %
def test_nothing_is_wider_than_the_window(made, tab, width):
    tab.resize(width)
    opened(tab, made / "index.html")
    tab.value("document.querySelectorAll('details').forEach((one) => one.open = true)")
    assert tab.overflows() <= 0
    assert tab.value("document.querySelector('.plot svg').getBoundingClientRect().width") <= width
    tab.value("document.getElementById('models').scrollIntoView()")
    top, bar = (f"document.querySelector('{one}').getBoundingClientRect()" for one in ("#models", "nav"))
    assert tab.value(f"{bar}.bottom <= {top}.top"), "the bar of links hides no heading"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(made, tab, scheme):
    tab.resize(1280)
    tab.in_colours(scheme)
    opened(tab, made / "index.html")
    tab.value("document.querySelectorAll('details.drop, #card ~ details').forEach((one) => one.open = true)")
    assert tab.violations(*REPEATED) == []


def test_a_run_without_anything_measured_has_a_page_too(made, tab):
    opened(tab, made / "bare.html")
    said = tab.value("document.body.innerText")
    assert "No model was measured" in said
    assert tab.noise == []


def test_a_run_that_kept_no_pair_and_has_no_score_says_so(tmp_path, tab):
    DATASET_TABLE.write(tmp_path / "pairs.parquet", DATASET_TABLE.frame([]))
    nothing = {"mean": {"simple_shot": {"1": {"mean": None}}}}
    metrics = {"few_shot": {"protocol": {"name": "p", "metric": "accuracy", "digest": ""}, "tuned": nothing}}
    html = page.build("None", "", metrics, Census(tmp_path / "pairs.parquet", 0, 4), PairReader())
    (tmp_path / "none.html").write_text(html)
    opened(tab, tmp_path / "none.html")
    said = tab.value("document.body.innerText")
    assert "There is no pair" in said
    assert "No model was measured" in said
    assert tab.noise == []


def test_parameters_are_compared_with_the_paper(stage_params):
    wanted = read_overrides(ROOT / PAPER_FILE)
    assert set(OF_THE_PAPER) <= set(wanted)
    stages = {name.partition(".")[0] for name in OF_THE_PAPER}
    ours = {name: stage_params(name) for name in stages}
    found = {name: (here, theirs) for name, here, theirs in differences(ours, ROOT / PAPER_FILE)}
    assert found["pairs.rule"] == ("words", "paper")
    theirs = {name: {} for name in stages}
    for name, value in wanted.items():
        stage, _, key = name.partition(".")
        theirs.get(stage, {})[key] = value
    paper = {name: ours[name].model_copy(update=theirs[name]) for name in stages}
    assert differences(paper, ROOT / PAPER_FILE) == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_pages_of_a_whole_run_are_for_everybody(finished, tab, scheme):
    pages = sorted(path for path in (finished / "reports").rglob("*.html") if "dvc_plots" not in path.parts)
    assert {"index.html", "review.html", "errors.html"} <= {path.name for path in pages}
    assert (finished / "reports/index.html").stat().st_size < 5_000_000
    tab.in_colours(scheme)
    tab.noise.clear()
    found = {}
    for path in pages:
        tab.resize(1280)
        tab.open(path)
        found[path.name, "axe"] = tab.violations(*REPEATED)
        tab.resize(320)
        found[path.name, "too wide by"] = max(0, tab.overflows())
    assert not any(found.values()), found
    assert tab.noise == []
    assert tab.requests == []
