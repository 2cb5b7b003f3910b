"""Parts of what is measured: sets of one sub-pathology, images of one institution."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Ints


def rows_of_institutions(institution: NDArray[np.object_]) -> dict[str, Ints]:
    """Numbers of the images of each institution, by name; images of an unknown one are in none."""
    return {place: np.flatnonzero(institution == place) for place in sorted(set(institution) - {""})}


def by_value(sets: Iterable[str], values: Callable[[str], Iterable[str]]) -> dict[str, list[str]]:
    """Names of the sets that have each value, such as a sub-pathology; an empty value is none."""
    parts: dict[str, list[str]] = {}
    for name in sets:
        for value in values(name):
            if value:
                parts.setdefault(value, []).append(name)
    return dict(sorted(parts.items()))
