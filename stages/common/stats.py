"""Intervals around a measured number."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def bootstrap(
    measure: Callable[[NDArray[np.int64]], float],
    count: int,
    *,
    rounds: int,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> list[float]:
    """Return the 95 % percentile interval [low, high] of `measure(indices)` over resampled indices 0..count-1.

    With `groups` (one id per index), whole groups are drawn. Source: Efron and Tibshirani (1993), chapter 13.
    """
    rng = np.random.default_rng(seed)
    if groups is None:
        draws = (rng.integers(count, size=count) for _ in range(rounds))
    else:
        members = [np.nonzero(groups == group)[0] for group in np.unique(groups)]
        draws = (
            np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]) for _ in range(rounds)
        )
    values = [measure(draw) for draw in draws]
    return [float(v) for v in np.nanpercentile(values, [2.5, 97.5])]
