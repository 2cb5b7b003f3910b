"""Bootstrap by counts: images that fare alike are one cell, so thousands of rounds cost little."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


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
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return {name: float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
