"""The table of image-text pairs, the same columns for every source."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

COLUMNS = (
    "pair_id",
    "source",
    "group",
    "video_id",
    "hold_id",
    "image",
    "start_s",
    "end_s",
    "text",
    "kind",
    "box",
    "entities",
    "sub_pathology",
    "magnification",
    "width",
    "height",
    "confidence",
    "reason",
    "provenance",
    "license",
)
NUMBERS = ("start_s", "end_s", "magnification", "width", "height", "confidence")


def pairs_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return `rows` as a table of COLUMNS sorted by pair_id; missing values are empty."""
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    for name in COLUMNS:
        table[name] = table[name].astype("float64") if name in NUMBERS else table[name].fillna("").astype("string")
    return table.sort_values("pair_id", ignore_index=True)
