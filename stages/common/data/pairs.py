"""The table of image-text pairs, the same columns for every source."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from stages.common.tables.pairs import PAIR_TABLE


def pairs_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return `rows` as a table of PAIR_TABLE sorted by pair_id; what a row lacks is empty."""
    table = pd.DataFrame(rows).reindex(columns=PAIR_TABLE.names)
    for column in PAIR_TABLE.columns:
        values = table[column.name]
        table[column.name] = values.astype("float64") if column.type == "double" else values.fillna("").astype("string")
    return table.sort_values("pair_id", ignore_index=True)
