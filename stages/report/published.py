"""Published numbers beside ours: facts of `published.csv`, each with its source."""

import math
from pathlib import Path

import pandas as pd

from stages.report.scores import TASKS

FACTS = Path(__file__).with_name("published.csv")
KEYS = ["task", "set", "setting", "metric"]
NAMES = ["paper", "source", "table", "protocol", "model", "note"]


def read_published() -> pd.DataFrame:
    """The published numbers: paper, source, table (or figure, or file), protocol, model, set, task, setting, metric,
    value and a note. Protocols are called as in protocols/, others as their paper."""
    return pd.read_csv(FACTS, keep_default_na=False, dtype={"setting": str})


def beside(published: pd.DataFrame, ours: pd.DataFrame, protocol: str, drawn: bool) -> pd.DataFrame:
    """Return the published numbers of the sets in `ours` (see score_rows), and of each of our models MODEL, MODEL_low,
    MODEL_high and MODEL_difference, ours less the published one.

    The difference is there only where the protocol is the same and images are the published set's, not `drawn` ones;
    `not_comparable` says which is not so.
    """
    table = published[published.set.isin(ours.set)][[*KEYS, "value", *NAMES]].reset_index(drop=True)
    why = table.protocol.map(lambda name: "" if name == protocol else "another protocol")
    table["not_comparable"] = "drawn images" if drawn else why
    for model in ours.model.unique():
        own = ours[ours.model == model].set_index(KEYS)[["score", "low", "high"]]
        found = own.reindex(pd.MultiIndex.from_frame(table[KEYS]))
        table[model], table[f"{model}_low"], table[f"{model}_high"] = (found[name].to_numpy() for name in found)
        difference = table[model] - table["value"]
        table[f"{model}_difference"] = difference.where(table.not_comparable == "", math.nan)
    ranks = {task: rank for rank, task in enumerate(TASKS)}
    return table.sort_values(
        ["task", "set"], key=lambda own: own.map(ranks) if own.name == "task" else own, kind="stable", ignore_index=True
    )
