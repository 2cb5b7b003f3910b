"""Bootstrap intervals around a measured number: of any statistic, or of counts, which is much faster."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Floats, Ints


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
    return _interval(np.array([measure(draw) for draw in draws]))


class Resampled:
    """Rounds of drawing as many images as there are, with replacement (Efron and Tibshirani 1993, chapter 13).

    Every column (n,) says something of each image, such as its class or what a model took it for. All columns see the
    same draws, so differences between models are paired. Row 0 of everything is the images as they are.
    """

    def __init__(self, columns: Sequence[Ints], rounds: int, seed: int) -> None:
        self.cells, counts = np.unique(np.stack(columns, 1), axis=0, return_counts=True)
        total = counts.sum()
        drawn = np.random.default_rng(seed).multinomial(total, counts / total, size=rounds)
        self.draws = np.vstack([counts, drawn]).astype(np.float64)

    def confusions(self, actual: int, predicted: int, classes: int) -> Floats:
        """(1 + rounds, classes, classes) counts of two columns, by their numbers."""
        places = self.cells[:, actual] * classes + self.cells[:, predicted]
        found = np.zeros((len(self.draws), classes * classes))
        for place in np.unique(places):
            found[:, place] = self.draws[:, places == place].sum(1)
        return found.reshape(-1, classes, classes)

    def mean(self, column: int) -> Floats:
        """(1 + rounds,) means of a column."""
        return (self.draws @ self.cells[:, column]) / self.draws.sum(1)


def described(name: str, values: Floats) -> dict[str, float]:
    """The value of the images as they are, and its 95 % interval over rounds."""
    low, high = _interval(values[1:])
    return {name: float(values[0]), f"{name}_low": low, f"{name}_high": high}


def _interval(values: Floats) -> list[float]:
    """The 95 % percentile interval [low, high] of resampled values; NaN is left out."""
    return [float(value) for value in np.nanpercentile(values, [2.5, 97.5])]
