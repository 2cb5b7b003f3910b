"""All scores of a run as rows: a task, a set, how it was asked, a model, the score with its interval."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from stages.common.evalsets.protocol import OF_A_FILE
from stages.report.significance import holm, p_value

TASKS = ("zero_shot", "linear_probe", "retrieval", "few_shot")
PARTS = ("sub_pathology", "institution")
MEAN = "mean"  # over sets
ZERO_SHOT = ("accuracy", "balanced_accuracy", "weighted_f1", "macro_f1", "auroc")
COLUMNS = [
    *("task", "set", "setting", "metric", "model", "score", "low", "high"),
    *("difference", "difference_low", "difference_high", "p", "p_holm"),
]
Number = tuple[str, str, float, float, float]  # setting, metric, and the score with its interval; NaN where unknown


def score_rows(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row of COLUMNS for each task, set, setting, metric and model, means over sets last.

    `difference` is to the first model, on the same images. p is from its interval, and `p_holm` corrected for the
    number of sets; few-shot scores have the range of their draws instead of an interval, and so no p.
    """
    rows = []
    for task, whole in _measured(metrics):
        for model in models_of(whole):
            apart = whole.get("difference", {}).get(model, {})
            for name, facts in whole[model].items():
                if name in PARTS:
                    continue
                found = {key[:2]: key[2:] for key in _numbers(task, apart.get(name, {}), whole["protocol"]["metric"])}
                for setting, metric, *score in _numbers(task, facts, whole["protocol"]["metric"], of_set=name != MEAN):
                    difference = found.get((setting, metric), (math.nan,) * 3)
                    p = p_value(*difference) if task != "few_shot" and not math.isnan(difference[0]) else math.nan
                    rows.append([task, name, setting, metric, model, *score, *difference, p, p])
    table = pd.DataFrame(rows, columns=COLUMNS)
    families = table[table.set != MEAN].groupby(["task", "setting", "metric", "model"]).p
    table.loc[table.set != MEAN, "p_holm"] = families.transform(lambda p: pd.Series(holm(p.tolist()), p.index))
    return table


def part_rows(metrics: Mapping[str, Any], part: str) -> pd.DataFrame:
    """Return a row for each task, value of `part` (of PARTS), setting, metric and model. Scores are means over the sets
    of the value, but for retrieval, whose sets differ in their numbers of candidates: there each has its row."""
    rows = []
    for task, whole in _measured(metrics):
        for model in models_of(whole):
            for value, facts in whole[model].get(part, {}).items():
                for name, own in (facts if task == "retrieval" else {MEAN: facts}).items():
                    for number in _numbers(task, own, whole["protocol"]["metric"], of_set=False):
                        rows.append([task, value, name, *number[:2], model, *number[2:]])
    columns = ["task", part, "set", "setting", "metric", "model", "score", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def models_of(whole: Mapping[str, Any]) -> list[str]:
    """The models of a metrics file, in its order."""
    return [name for name in whole if name not in OF_A_FILE]


def _measured(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from ((task, metrics[task]) for task in TASKS if task in metrics)


def _numbers(task: str, facts: Mapping[str, Any], metric: str, of_set: bool = False) -> Iterator[Number]:
    """What a metrics file says of one set under one model. Of zero-shot a whole set has every metric, and anything else
    the protocol's, under the name of score."""
    if task == "zero_shot" and of_set:
        yield from (("", name, *_interval(facts, name)) for name in ZERO_SHOT if name in facts)
    elif task == "zero_shot" and "score" in facts:
        yield "", metric, *_interval(facts, "score")
    elif task == "linear_probe":
        yield from ((fraction, metric, *_interval(own, "mean")) for fraction, own in facts.items())
    elif task == "retrieval":
        for way, own in facts.items():
            ks = [name for name in own if name[0] == "r" and name[1:].isdigit()]
            yield from ((way, name, *_interval(own, name)) for name in ks)
    elif task == "few_shot":
        for method, by_shots in facts.items():
            for shots, own in by_shots.items():
                yield f"{method} {shots}", metric, own["mean"], own.get("low", math.nan), own.get("high", math.nan)


def _interval(facts: Mapping[str, Any], name: str) -> tuple[float, float, float]:
    def number(key: str) -> float:
        return math.nan if facts.get(key) is None else float(facts[key])

    return number(name), number(f"{name}_low"), number(f"{name}_high")
