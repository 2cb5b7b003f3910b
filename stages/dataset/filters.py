"""Filters of pairs that users add as extensions."""

import re
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from stages.common.data.files import SHORT_WORD
from stages.common.errors import StageError
from stages.common.stage.extensions import load_extension

# Columns that are not for filters.
INSIDE = ["hash", "mirrored", "embedding", "blobs", "spots", "sha256", "error", "drop", "duplicate_of"]
BUILT_IN = re.compile(r"leak_.*|flag_.*|.*_duplicate|same_image_and_text|.*_by_reader")  # reasons that this stage gives
PARAMETER = "dataset.filters"


def _shown(value: Any) -> str:
    """A value as Python writes it; a number of NumPy as one of Python."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def filter_reasons(pairs: pd.DataFrame, extension: str, taken: Collection[str] = ()) -> pd.Series:
    """Return for each of `pairs` the reason by which `extension` drops it, "" where it keeps it.

    The extension gets a copy of the table. Raises StageError where it does not answer with one reason for each row, or
    with a reason of this stage's own: those of BUILT_IN and those that are `taken`.
    """
    find = load_extension(extension, PARAMETER, "pairs")
    found: Any = find(pairs.drop(columns=INSIDE, errors="ignore"))
    if not isinstance(found, pd.Series) or not found.index.equals(pairs.index):
        raise StageError(f"{PARAMETER}: {extension} must return a Series with the index of the table that it gets")
    reasons = found.astype(object)  # whatever its type: categorical, Arrow's, pandas' own
    wrong = [one for one in reasons if not isinstance(one, str) or (one and not SHORT_WORD.fullmatch(one))]
    if wrong:
        raise StageError(
            f"{PARAMETER}: {extension} returns {_shown(wrong[0])}: a reason is a lower-case word, with "
            "underscores, or '' for a pair that stays"
        )
    for reason in reasons.unique():
        if reason in taken or BUILT_IN.fullmatch(reason):
            raise StageError(f"{PARAMETER}: {extension} returns {reason!r}, a built-in reason: give yours another name")
    return reasons
