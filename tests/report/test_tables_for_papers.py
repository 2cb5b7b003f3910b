"""Tables for a paper hold what the metrics say, as pandas and textbook formulas find it independently."""

import csv
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from scipy.stats import binomtest, norm

from stages.common.data.files import read_yaml
from stages.common.stats import PairedBootstrap, difference
from stages.report.latex import escaped
from stages.report.published import FACTS, beside, read_published
from stages.report.scores import TASKS, part_rows, score_rows
from stages.report.significance import holm, p_value
from stages.report.tables import write_tables


def spread(name, value):
    return {name: value, f"{name}_low": value - 0.1, f"{name}_high": value + 0.1}


def metrics(protocol="quilt", models=("start", "tuned")):
    """A run of two sets, with values that follow from the model, the set and the task."""
    found = {task: {"protocol": {"name": protocol, "digest": "0", "metric": "accuracy"}} for task in TASKS}
    for n, model in enumerate(models):
        sets = {name: 0.3 + 0.2 * n + 0.01 * k for k, name in enumerate(("nct_crc", "a_b & 50%"))}
        parts = {"sub_pathology": {"skin": spread("score", 0.4)}, "institution": {"UMM_Mannheim": spread("score", 0.5)}}
        of_set = {name: spread("accuracy", v) | spread("macro_f1", v / 2) | {"chance": 0.1} for name, v in sets.items()}
        found["zero_shot"][model] = of_set | {"mean": spread("accuracy", 0.9) | spread("score", 0.9)} | parts
        found["linear_probe"][model] = {name: {"0.1": spread("mean", v)} for name, v in sets.items()}
        ways = {"image_to_text": {"queries": 5, "median_rank": 2} | spread("r1", 0.1) | spread("r50", 0.6)}
        found["retrieval"][model] = {"arch": ways, "institution": {"pubmed": {"arch": ways}}}
        draws = {"simple_shot": {"4": {"mean": 0.5, "low": 0.4, "high": 0.6}}, "knn": {"20": {"mean": 0.7}}}
        found["few_shot"][model] = {"nct_crc": draws}
    if len(models) > 1:
        apart = {"nct_crc": spread("score", 0.2), "a_b & 50%": spread("score", 0.09), "mean": spread("score", 0.6)}
        found["zero_shot"]["difference"] = {"tuned": apart}
        found["few_shot"]["difference"] = {"tuned": {"nct_crc": {"knn": {"20": {"mean": 0.1}}}}}
    return found


def test_rows_hold_every_score_of_every_task():
    table = score_rows(metrics())
    assert table.groupby("task").size().to_dict() == {"zero_shot": 10, "linear_probe": 4, "retrieval": 4, "few_shot": 4}
    keys = ["task", "set", "setting", "metric", "model"]
    assert not table.duplicated(keys).any()
    rows = table.set_index(keys)
    probe = rows.loc["linear_probe", "nct_crc", "0.1", "accuracy", "tuned"]
    assert probe[["score", "low", "high"]].tolist() == pytest.approx([0.5, 0.4, 0.6])
    assert rows.loc["zero_shot", "a_b & 50%", "", "macro_f1", "start"].score == pytest.approx(0.155)
    assert rows.loc["few_shot", "nct_crc", "knn 20", "accuracy", "tuned"].difference == pytest.approx(0.1)
    assert table[table.task == "few_shot"].p.isna().all()
    assert part_rows(metrics(), "institution").groupby("task").size().to_dict() == {"zero_shot": 2, "retrieval": 4}


def test_p_agrees_with_the_interval_and_is_corrected_for_the_number_of_sets():
    rows = (
        score_rows(metrics())
        .query("task == 'zero_shot' and metric == 'accuracy' and model == 'tuned'")
        .set_index("set")
    )
    by_hand = {name: 2 * norm.sf(d / 0.1 * norm.ppf(0.975)) for name, d in (("nct_crc", 0.2), ("a_b & 50%", 0.09))}
    assert rows.p.loc[list(by_hand)].tolist() == pytest.approx(list(by_hand.values()))
    assert rows.p_holm["nct_crc"] == pytest.approx(2 * by_hand["nct_crc"])
    assert rows.p_holm["a_b & 50%"] == pytest.approx(by_hand["a_b & 50%"])
    assert rows.p_holm["mean"] == rows.p["mean"], "a mean is one comparison"
    for one in ((0.2, 0.001, 0.3), (0.2, -0.001, 0.3), (-0.2, -0.3, 0.001), (-0.2, -0.4, -0.001), (0.0, -0.1, 0.1)):
        assert (p_value(*one) < 0.05) == (one[1] > 0 or one[2] < 0)


def test_holm_is_the_textbook_procedure():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm 1979, step by step
    assert holm([0.9, 0.6])[:2] == [1.0, 1.0]
    corrected = holm([0.02, math.nan])
    assert corrected[0] == 0.02
    assert math.isnan(corrected[1])


@pytest.mark.parametrize("gain", [0.0, 0.06, 0.12])
def test_p_of_paired_answers_is_near_the_exact_one_of_mcnemar(gain):
    rng = np.random.default_rng(5)
    start = rng.random(400) < 0.6
    tuned = np.where(rng.random(400) < 0.1 + gain, True, np.where(rng.random(400) < 0.12, False, start))
    drawn = PairedBootstrap([start.astype(int), tuned.astype(int)], 1000, 0)
    found = difference(drawn.share(1), drawn.share(0))
    only, other = int((tuned & ~start).sum()), int((start & ~tuned).sum())
    exact = binomtest(only, only + other).pvalue
    mine = p_value(found.value, found.low, found.high)
    assert mine == pytest.approx(exact, rel=0.6, abs=0.03)


def test_every_published_number_has_a_source_and_is_a_score():
    table = read_published()
    assert not table.duplicated(["paper", "table", "model", "set", "task", "setting", "metric"]).any()
    for name in ("paper", "source", "table", "protocol", "model", "set", "task", "metric"):
        assert (table[name].str.strip() != "").all(), name
    assert table.value.between(0, 1).all()
    assert set(table.task) <= set(TASKS)
    assert set(table.set) <= set(read_yaml(ROOT / "protocols/quilt.yaml")["evalsets"])
    paper = table[(table.protocol == "quilt") & (table.table == "aux/barchart_zeroshot.png")]
    means = paper.groupby("model").value.mean()  # of the twelve sets
    assert paper.groupby("model").size().tolist() == [12] * 4
    assert means["QuiltNet ViT-B/32"] == pytest.approx(0.587, abs=5e-4)
    assert means.idxmax() == "QuiltNet ViT-B/32"


@pytest.mark.parametrize(("protocol", "drawn"), [("quilt", False), ("quilt", True), ("demo", False)])
def test_published_numbers_are_compared_under_the_same_protocol_on_the_same_images_only(protocol, drawn):
    table = beside(read_published(), score_rows(metrics(protocol)), protocol, drawn)
    assert set(table.set) == {"nct_crc"}, "a set that is not measured has nothing beside it"
    theirs = table[table.protocol == protocol]
    comparable = table[table.tuned_difference.notna()]
    if drawn or protocol == "demo":
        assert comparable.empty
        assert set(table.not_comparable) == ({"drawn images"} if drawn else {"another protocol"})
    else:
        assert set(comparable.protocol) == {"quilt"}
        assert len(comparable) == len(theirs) == 5
        assert comparable.tuned_difference.tolist() == pytest.approx((0.5 - comparable.value).tolist())
        assert comparable.start.tolist() == pytest.approx([0.3] * 5)


def cells(line):
    """Cells of a row of LaTeX, which end at an & that is no text."""
    return re.split(r"(?<!\\)&", line.removesuffix(r" \\"))


def test_latex_is_well_formed_and_says_what_the_csv_says(tmp_path):
    count = write_tables(metrics(), read_published(), "100% drawn & <not> real_tissue #1 {x} ~ ^ \\ $", False, tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == count == 11
    for path in tmp_path.glob("*.tex"):
        text = path.read_text()
        assert text.isascii()
        for name in ("table", "tabular"):
            assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
        assert [text.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
        plain = re.sub(r"\\textbackslash\{\}|\\[{}]", "", text)
        assert plain.count("{") == plain.count("}")
        assert not re.search(r"(?<!\\)[%#]", text)
        bare = re.sub(r"\\label\{[^}]*\}|\$\^\{\*\}\$", "", text)
        assert not re.search(r"(?<!\\)[_$]|\^(?!\*)", re.sub(r"\\text\w+\{\}", "", bare))
        columns = re.search(r"\\begin\{tabular\}\{(l+)\}", text)[1]
        body = [line for line in text.split("\n") if line.endswith(r"\\")]
        assert {len(cells(line)) for line in body} == {len(columns)}
        assert escaped("100% drawn & <not> real_tissue #1 {x} ~ ^ \\ $") in text
    scores = pd.read_csv(tmp_path / "scores.csv", keep_default_na=False, na_values=[""], dtype={"setting": str})
    printed = (tmp_path / "zero_shot.tex").read_text()
    for row in scores.query("task == 'zero_shot' and metric == 'accuracy'").itertuples():
        star = "$^{*}$" if row.p_holm < 0.05 else ""
        assert f"{row.score:.3f}{star} [{row.low:.3f}, {row.high:.3f}]" in printed
    assert printed.count("$^{*}$") == 2, "0.09 [-0.01, 0.19] is not significant"
    assert r"a\_b \& 50\%" in printed
    assert "macro" not in printed, "print has the protocol's metric, the CSV has all"


def test_a_set_that_failed_is_named_and_a_caption_is_one_paragraph(tmp_path):
    found = metrics()
    found["zero_shot"]["failed"] = {"mhist": "annotations.csv is cut off"}
    write_tables(found, read_published(), "", False, tmp_path)
    assert "Sets that could not be read are missing: mhist." in (tmp_path / "zero_shot.tex").read_text()
    assert "missing: " not in (tmp_path / "retrieval.tex").read_text()
    assert escaped(" two\n\nparts ") == "two parts"


def test_bytes_repeat_and_one_model_or_none_makes_tables_too(tmp_path):
    for name in ("one", "two"):
        write_tables(metrics(), read_published(), "", True, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    write_tables(metrics(models=("start",)), read_published(), "", True, tmp_path / "single")
    assert "A star" not in (tmp_path / "single/zero_shot.tex").read_text()
    assert write_tables({"dataset": {"pairs": 3}}, read_published(), "", True, tmp_path / "none") == 4
    assert list(csv.reader((tmp_path / "none/scores.csv").open())) == [list(score_rows({}).columns)]


def test_the_run_that_is_committed_makes_tables(tmp_path):
    found = json.loads((ROOT / "reports/metrics.json").read_text())
    write_tables(found, read_published(), "", True, tmp_path)
    table = pd.read_csv(tmp_path / "scores.csv")
    mean = table.query("task == 'zero_shot' and set == 'mean' and metric == 'balanced_accuracy' and model == 'tuned'")
    assert mean.score.item() == pytest.approx(found["zero_shot"]["tuned"]["mean"]["balanced_accuracy"])
    assert pd.read_csv(tmp_path / "published.csv").tuned_difference.isna().all()
    assert FACTS.stat().st_size < 20_000
