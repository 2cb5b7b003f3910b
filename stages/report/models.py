"""What the models can do: every score beside the model that training began with and beside published ones."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.tables.evaluation import SURE_ERRORS, SetErrors
from stages.report.charts import Chart, confusion, lines, scores
from stages.report.published import beside
from stages.report.scores import MEAN, PARTS, TASKS, part_rows, score_rows

TITLES = {
    "zero_shot": "Zero-shot classification",
    "linear_probe": "Linear probe, by share of the labels",
    "retrieval": "Retrieval",
    "few_shot": "Few-shot, mean over sets, by images of each class",
}
ERRORS = 6  # images of each set that the page shows
DRAWS = "simple_shot "  # how settings of nearest class means begin, before the number of images of each class


def task_charts(metrics: Mapping[str, Any]) -> list[Chart]:
    """A chart for each task that was measured, with 95 % intervals."""
    table, charts = score_rows(metrics), []
    for task in TASKS:
        if task not in metrics or not len(rows := table[table.task == task]):
            continue
        protocol = metrics[task]["protocol"]
        if task == "zero_shot":
            rows = rows[rows.metric == protocol["metric"]]
            rows = rows.assign(chance=[_chance(metrics[task], row.model, row.set) for row in rows.itertuples()])
        said = f"{protocol['metric'].replace('_', ' ')}; protocol {protocol['name']}"
        if task == "few_shot":
            charts.append(_few_shot(rows, said))
            continue
        if task == "retrieval":
            said = f"recall; rK is the share whose own is among the first K answers; protocol {protocol['name']}"
        parts = ["set", "setting", *(["metric"] if task == "retrieval" else [])]
        shown = rows.assign(set=_joined(rows, parts))[_columns(rows)]
        charts.append(scores(shown, "set", TITLES[task], said))
    return [chart for chart in charts if chart.table.score.notna().any()]


def part_charts(metrics: Mapping[str, Any]) -> list[Chart]:
    """Zero-shot scores and the first recall of retrieval, by sub-pathology and by institution."""
    charts = []
    for part in PARTS:
        table = part_rows(metrics, part)
        for task in ("zero_shot", "retrieval"):
            if not len(rows := table[table.task == task]):
                continue
            rows = rows[rows.metric == rows.metric.iloc[0]].replace({"set": {MEAN: ""}})
            places = _joined(rows, [part, "set", "setting"])
            shown, metric = rows.assign(**{part: places})[[part, "model", "score", "low", "high"]], rows.metric.iloc[0]
            title = f"{TITLES[task]}, by {part.replace('_', '-')}"
            charts.append(scores(shown, part, title, re.sub(r"^r(?=\d+$)", "recall at ", metric.replace("_", " "))))
    return charts


def published_table(metrics: Mapping[str, Any], published: pd.DataFrame, drawn: bool) -> pd.DataFrame:
    """Published numbers of the sets that were measured, with their protocol, beside ours."""
    protocol = next((metrics[task]["protocol"]["name"] for task in TASKS if task in metrics), "")
    return beside(published, score_rows(metrics), protocol, drawn).drop(columns=["source", "note"])


def confusions(folder: Path) -> list[Chart]:
    """A matrix for each set, from the predictions of the tuned model in `folder`."""
    charts = []
    for path in sorted(folder.glob("*.csv")):
        found = pd.read_csv(path, usecols=["actual", "predicted"], dtype=str, keep_default_na=False)
        table = found.groupby(["actual", "predicted"]).size().rename("images").reset_index()
        table["share"] = table.images / table.groupby("actual").images.transform("sum")
        if len(table):
            charts.append(confusion(table, f"Zero-shot on {path.stem}"))
    return charts


def sure_errors(record: Path = SURE_ERRORS.path) -> dict[str, SetErrors]:
    """The errors that the tuned model is surest about, by set: ERRORS of each."""
    found = SURE_ERRORS.read(record)
    return {name: {**errors, "surest": errors["surest"][:ERRORS]} for name, errors in found.items()}


def training(curve: Path) -> list[Chart]:
    """The loss by epoch, of what was trained on and of what was not."""
    if not curve.exists() or not len(table := pd.read_csv(curve)):
        return []
    rows = table.melt("epoch", ["train", "val"], "pairs of", "loss")
    return [lines(rows, "epoch", "loss", "pairs of", "Contrastive loss, by epoch")]


def human_readers(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Models beside human readers of the same images: `set`, `reader`, `images`, `who`, accuracy, kappa, and what the
    model has more than the reader, with its interval. No rows where no set has readers."""
    rows = []
    for name, by_reader in metrics.get("zero_shot", {}).get("readers", {}).items():
        for reader, facts in by_reader.items():
            rows.append({"set": name, "reader": reader, "images": facts["images"], "who": "the reader"} | _plain(facts))
            for model, own in facts.items():
                if isinstance(own, Mapping):
                    rows.append({"set": name, "reader": reader, "images": facts["images"], "who": model} | _plain(own))
    return pd.DataFrame(rows)


def _joined(rows: pd.DataFrame, names: list[str]) -> pd.Series:
    """What a row is of, in words: what it has in these columns."""
    return rows[names].apply(lambda own: ", ".join(filter(None, own)).replace("_", " "), axis=1)


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if not isinstance(value, Mapping) and name != "images"}


def _chance(whole: Mapping[str, Any], model: str, name: str) -> float | None:
    return whole[model][name].get("chance")


def _columns(rows: pd.DataFrame) -> list[str]:
    """Those of score_rows that say something here."""
    names = ["set", "model", "score", "low", "high", "difference", "difference_low", "difference_high", "p_holm"]
    return [name for name in [*names, "chance"] if name in rows and rows[name].notna().any()]


def _few_shot(rows: pd.DataFrame, said: str) -> Chart:
    means = rows[(rows.set == MEAN) & rows.setting.str.startswith(DRAWS)]
    table = means.assign(shots=means.setting.str.removeprefix(DRAWS))[["shots", "model", "score", "low", "high"]]
    return lines(table, "shots", "score", "model", TITLES["few_shot"], f"{said}; bands hold 95 % of the draws")
