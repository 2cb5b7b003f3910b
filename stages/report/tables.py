"""Tables for a paper: CSV for reading on, LaTeX for printing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import write_bytes
from stages.report.latex import by_model, escaped, latex, number_cell, score_cell
from stages.report.published import beside
from stages.report.scores import PARTS, TASKS, part_rows, score_rows

TITLES = {
    "zero_shot": "Zero-shot classification",
    "linear_probe": "Linear probe, by share of the labels",
    "retrieval": "Retrieval, recall at k",
    "few_shot": "Few-shot and nearest neighbours, by images of each class",
}
INTERVALS = "Brackets are 95 % intervals."
DRAWS = "Brackets hold 95 % of the draws."
STARS = "A star marks a paired difference to {first} that is significant at 0.05 after Holm's correction over sets."
FAILED = "Sets that could not be read are missing: {}."


def write_tables(metrics: Mapping[str, Any], published: pd.DataFrame, note: str, drawn: bool, out: Path) -> int:
    """Write scores.csv with a LaTeX file for each task, and sub_pathology, institution and published, each as CSV and
    LaTeX; return how many files. `drawn` says that the test sets are the demo's."""
    ours = score_rows(metrics)
    files = {"scores.csv": _csv(ours)}
    protocols = {task: metrics[task]["protocol"] for task in TASKS if task in metrics}
    for task, protocol in protocols.items():
        rows = ours[(ours.task == task) & ((task != "zero_shot") | (ours.metric == protocol["metric"]))]
        if rows.empty:
            continue
        words = [
            f"{TITLES[task]}, protocol {protocol['name']}.",
            DRAWS if task == "few_shot" else INTERVALS,
            STARS.format(first=rows.model.iloc[0]) if rows.p.notna().any() else "",
            FAILED.format(", ".join(metrics[task]["failed"])) if metrics[task].get("failed") else "",
            note,
        ]
        table = by_model(rows, ["set", "setting", "metric"])
        files[f"{task}.tex"] = latex(table, " ".join(filter(None, words)), task)
    for part in PARTS:
        rows = part_rows(metrics, part)
        files[f"{part}.csv"] = _csv(rows)
        if len(rows):
            draws = "Those of few-shot hold 95 % of the draws." if (rows.task == "few_shot").any() else ""
            words = [f"Scores by {part.replace('_', '-')}.", INTERVALS, draws, note]
            table = by_model(rows, ["task", part, "set", "setting", "metric"])
            files[f"{part}.tex"] = latex(table, " ".join(filter(None, words)), part)
    name = next((protocol["name"] for protocol in protocols.values()), "")
    numbers = beside(published, ours, name, drawn)
    files["published.csv"] = _csv(numbers)
    if len(numbers):
        files["published.tex"] = _published(numbers, list(ours.model.unique()), name, note)
    for file, text in files.items():
        write_bytes(out / file, text.encode())
    return len(files)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def _published(numbers: pd.DataFrame, models: list[str], protocol: str, note: str) -> str:
    columns = ["task", "set", "setting", "metric", "model", "paper", "table", "protocol"]
    shown = numbers[columns].map(escaped).rename(columns={"model": "published model"})
    shown["published"] = numbers.value.map(number_cell)
    for model in models:
        facts = (numbers[model], numbers[f"{model}_low"], numbers[f"{model}_high"])
        shown[f"our {model}"] = [score_cell(*row) for row in zip(*facts, strict=True)]
        shown[f"our {model} less published"] = numbers[f"{model}_difference"].map(number_cell)
    shown["not comparable"] = numbers.not_comparable.map(escaped)
    words = [
        f"Published numbers, as their papers state them, beside ours under protocol {protocol}.",
        "They are compared only where the protocol and the images are the same.",
        note,
    ]
    return latex(shown, " ".join(filter(None, words)), "published")
