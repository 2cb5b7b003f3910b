"""Filters of pairs that users add as extensions."""

import re
from typing import Any

import pandas as pd

from stages.common.errors import StageError
from stages.common.stage.extensions import load_extension

INSIDE = ["hash", "mirrored", "embedding", "sha256", "error", "drop", "duplicate_of"]  # not for filters
REASON = re.compile(r"(?!leak_)[a-z][a-z0-9_]*|")  # reasons leak_... are this stage's own
PARAMETER = "dataset.filters"


def filter_reasons(pairs: pd.DataFrame, extension: str) -> pd.Series:
    """Return for each of `pairs` the reason by which `extension` drops it, "" where it keeps it.

    The extension gets a copy of the table. Raises StageError where it does not answer with one reason for each row.
    """
    find = load_extension(extension, PARAMETER, "pairs")
    found: Any = find(pairs.drop(columns=INSIDE, errors="ignore"))
    if not isinstance(found, pd.Series) or not found.index.equals(pairs.index):
        raise StageError(f"{PARAMETER}: {extension} must return a Series with the index of the table that it gets")
    for reason in found.unique():
        if not isinstance(reason, str) or not REASON.fullmatch(reason):
            raise StageError(
                f"{PARAMETER}: {extension} returns {reason!r}: a reason is a lower-case word, with underscores, "
                "that does not begin with leak_, or '' for a pair that stays"
            )
    return found.astype(object)
