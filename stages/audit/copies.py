"""Score duplicate and leak detection against what was planted."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from stages.audit.gold import Export


def copy_metrics(labels: Sequence[Export], dataset: pd.DataFrame) -> dict[str, Any]:
    """Metrics duplicates and leaks over the candidates that have a label; none where no candidate has one.

    Planted items that the filters of their source dropped before are not counted; `flagged` counts all leaks of the
    dataset, planted or not.
    """
    flagged = int(dataset["drop"].str.startswith("leak_").sum())
    planted = {f"{label.source}_{label.key}": label.planted for label in labels}
    table = dataset.assign(planted=dataset.pair_id.map(planted)).dropna(subset="planted")
    if table.empty:
        return {}
    copies = ~table.planted.isin(["", "leak"])
    dropped = table["drop"].str.endswith("_duplicate")
    leaks = table.planted == "leak"
    leaked = table["drop"].str.startswith("leak_")
    return {
        "duplicates": {
            "labels": len(table),
            "planted": int(copies.sum()),
            "found": int((copies & dropped).sum()),
            "precision": float((copies & dropped).sum() / max(dropped.sum(), 1)),
            "recall": float((copies & dropped).sum() / max(copies.sum(), 1)),
            "recall_by_way": {
                str(way): float(rows.mean()) for way, rows in dropped[copies].groupby(table.planted[copies])
            },
        },
        "leaks": {"planted": int(leaks.sum()), "found": int((leaks & leaked).sum()), "flagged": flagged},
    }
