"""Score duplicate and leak detection against what was planted."""

from typing import Any

import pandas as pd


def copy_metrics(labels: list[dict[str, str]], dataset: pd.DataFrame) -> dict[str, Any]:
    """Metrics duplicates and leaks. Planted items that a source's own filters dropped earlier are not counted."""
    planted = {f"{label['source']}_{label['key']}": label["planted"] for label in labels}
    table = dataset.assign(planted=dataset.pair_id.map(planted).fillna(""))
    copies = ~table.planted.isin(["", "leak"])
    dropped = table["drop"].str.endswith("_duplicate")
    leaks = table.planted == "leak"
    leaked = table["drop"].str.startswith("leak_")
    return {
        "duplicates": {
            "planted": int(copies.sum()),
            "found": int((copies & dropped).sum()),
            "precision": float((copies & dropped).sum() / max(dropped.sum(), 1)),
            "recall": float((copies & dropped).sum() / max(copies.sum(), 1)),
            "recall_by_way": {
                str(way): float(rows.mean()) for way, rows in dropped[copies].groupby(table.planted[copies])
            },
        },
        "leaks": {"planted": int(leaks.sum()), "found": int((leaks & leaked).sum()), "flagged": int(leaked.sum())},
    }
