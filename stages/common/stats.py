"""Bootstrap intervals around measured numbers (Efron and Tibshirani 1993, chapter 13)."""

from collections.abc import Callable, Sequence

import numpy as np

from stages.common.data.arrays import Floats, Ints

PERCENTILES = (2.5, 97.5)  # between which 95 % of the rounds lie


def interval(rounds: Sequence[float] | Floats) -> list[float]:
    """The 95 % confidence interval [low, high] of a number: percentiles over rounds of resampling, NaN left out."""
    return [float(value) for value in np.nanpercentile(rounds, PERCENTILES)]


def bootstrap(
    measure: Callable[[Ints], float],
    count: int,
    *,
    rounds: int,
    seed: int,
    groups: Ints | None = None,
) -> list[float]:
    """Return the interval of `measure(indices)` over resampled indices 0..count-1, for a measure of any kind.

    With `groups` (one id per index), whole groups are drawn.
    """
    rng = np.random.default_rng(seed)
    if groups is None:
        draws = (rng.integers(count, size=count) for _ in range(rounds))
    else:
        members = [np.nonzero(groups == group)[0] for group in np.unique(groups)]
        draws = (
            np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]) for _ in range(rounds)
        )
    return interval([measure(draw) for draw in draws])


class PairedBootstrap:
    """Bootstrap by counts, for measures of confusion matrices and means: images with the same values in all columns
    are one cell, and a round draws how many images each cell has. So thousands of rounds cost little.

    Every column (n,) holds one integer per image, such as its class or the class that a model predicted. All columns
    see the same draws, so differences between models are paired. Row 0 of every result is the images as they are; rows
    1 and up are the rounds.
    """

    def __init__(self, columns: Sequence[Ints], rounds: int, seed: int) -> None:
        self.cells, counts = np.unique(np.stack(columns, 1), axis=0, return_counts=True)
        total = counts.sum()
        drawn = np.random.default_rng(seed).multinomial(total, counts / total, size=rounds)
        self.draws = np.vstack([counts, drawn]).astype(np.float64)

    def confusions(self, actual: int, predicted: int, classes: int) -> Floats:
        """(1 + rounds, classes, classes) confusion matrices of two columns, given by their numbers."""
        places = self.cells[:, actual] * classes + self.cells[:, predicted]
        counts = np.zeros((len(self.draws), classes * classes))
        for place in np.unique(places):
            counts[:, place] = self.draws[:, places == place].sum(1)
        return counts.reshape(-1, classes, classes)

    def mean(self, column: int) -> Floats:
        """(1 + rounds,) means of a column."""
        return (self.draws @ self.cells[:, column]) / self.draws.sum(1)


def with_interval(name: str, values: Floats) -> dict[str, float]:
    """Metrics NAME, NAME_low and NAME_high: the value of the images as they are (row 0), and its interval over rounds
    (the other rows)."""
    low, high = interval(values[1:])
    return {name: float(values[0]), f"{name}_low": low, f"{name}_high": high}
