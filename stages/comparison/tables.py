"""Where comparisons are written: one CSV each."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stages.common.data.files import write_bytes
from stages.common.paths import COMPARISON_DIR


def write_table(name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Write the rows to reports/comparison/NAME.csv, and return them as a table."""
    table = pd.DataFrame(rows, columns=list(columns))
    write_bytes(COMPARISON_DIR / f"{name}.csv", table.round(6).to_csv(index=False, float_format="%.6g").encode())
    return table
