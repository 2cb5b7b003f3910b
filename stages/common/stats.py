"""Intervals of 95 % around measured numbers: the bootstrap (Efron and Tibshirani 1993), over groups where known.

A score between 0 and 1 gets Wilson's interval, which holds near both ends, where percentiles of resampled numbers do
not: with no error in 20 images every round is perfect. Its number of images is the one that explains how much the score
varies over rounds (Korn and Graubard 1998), so that images of one patient, which err together, count for less.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.common.data.arrays import Floats, Ints

PERCENTILES = (2.5, 97.5)  # between which 95 % of the rounds lie
CHUNK = 100  # rounds that groups are drawn for at once
UNSEEN = 0.05  # groups that err wholly, beside those that were seen: in a simulation the fewest that cover rare ones


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


@dataclass(frozen=True)
class Estimate:
    """A score, or a mean or difference of scores, with its interval; `rounds` are its values over resampling, by which
    estimates of the same draws are paired, of `images` or of `groups` of them. NaN where it is not defined."""

    value: float
    low: float
    high: float
    rounds: Floats
    images: float
    groups: int | None = None

    def metrics(self, name: str) -> dict[str, float | None]:
        """Metrics NAME, NAME_low and NAME_high; None where they are not defined."""
        numbers = {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}
        return {key: None if math.isnan(number) else number for key, number in numbers.items()}


def estimate(values: Floats, images: float, groups: int | None = None) -> Estimate:
    """The estimate of a score from 0 to 1: `values[0]` is the score itself, the others are rounds of resampling.

    `images` is how many images it counts, at most; `groups` how many groups were resampled, if they were. One group
    says nothing about others: its interval is 0 to 1.
    """
    from scipy.stats import norm

    value, rounds = float(values[0]), values[1:]
    if math.isnan(value):
        return Estimate(math.nan, math.nan, math.nan, rounds, images, groups)
    if groups == 1:
        return Estimate(value, 0.0, 1.0, rounds, images, groups)
    variance, spread = float(np.nanvar(rounds)), value * (1 - value)
    if groups:
        variance = variance * groups / (groups - 1) + UNSEEN * (max(value, 1 - value) / groups) ** 2
    size = min(images, spread / variance) if variance > 0 else images
    size = max(size, min(images, groups or 1))  # at worst, the images of a group err as one
    quantile = _student(groups) if groups else float(norm.ppf(0.975))
    return Estimate(value, *wilson(value, size, quantile), rounds, images, groups)


def wilson(share: float, count: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share of `count`, which may be a fraction."""
    extra = quantile**2 / count
    centre, half = share + extra / 2, quantile * math.sqrt(share * (1 - share) / count + extra / count / 4)
    return max(0.0, (centre - half) / (1 + extra)), min(1.0, (centre + half) / (1 + extra))


def difference(one: Estimate, other: Estimate) -> Estimate:
    """`one` less `other`, of the same draws. Its interval counts one image more on which the two disagree (Agresti and
    Min 2005), or one group more where groups were drawn, so that two models that never do, do not differ by exactly
    nothing."""
    value, rounds = one.value - other.value, one.rounds - other.rounds
    drawn = one.groups or one.images
    if drawn <= 1:
        return Estimate(value, -1.0, 1.0, rounds, one.images, one.groups)
    variance = float(np.nanvar(rounds)) * drawn / (drawn - 1)
    half = _student(drawn) * math.sqrt(variance + 1 / drawn**2)
    return Estimate(value, max(value - half, -1.0), min(value + half, 1.0), rounds, one.images, one.groups)


def _student(count: float) -> float:
    """Student's quantile for a 95 % interval around the mean of `count` values."""
    from scipy.stats import t

    return float(t.ppf(0.975, count - 1))


def mean_of(estimates: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """The weighted mean of estimates that are independent of each other, such as those of different sets."""
    shares = np.asarray(weights, np.float64) / np.sum(weights)
    value, low, high = (np.array([getattr(one, name) for one in estimates]) for name in ("value", "low", "high"))
    mean = float(shares @ value)
    down, up = (float(np.linalg.norm(shares * part)) for part in (value - low, high - value))
    rounds = np.zeros(0)  # rounds of different sets are not paired
    return Estimate(mean, mean - down, mean + up, rounds, sum(one.images for one in estimates))


class PairedBootstrap:
    """Bootstrap by counts, for measures of confusion matrices and means: images with the same values in all columns
    are one cell, and a round draws how many images each cell has. So thousands of rounds cost little.

    Every column (n,) holds one number per image, such as its class or the class that a model predicted. All columns
    see the same draws, so differences between models are paired. With `groups` (n,), such as patients, whole groups
    are drawn. Row 0 of every result is the images as they are; rows 1 and up are the rounds.
    """

    def __init__(
        self, columns: Sequence[Ints] | Sequence[Floats], rounds: int, seed: int, groups: Ints | None = None
    ) -> None:
        self.cells, cell, counts = np.unique(np.stack(columns, 1), axis=0, return_inverse=True, return_counts=True)
        self.images, self.groups = int(counts.sum()), None if groups is None else len(np.unique(groups))
        rng = np.random.default_rng(seed)
        if groups is None:
            drawn = rng.multinomial(self.images, counts / self.images, size=rounds)
        else:
            drawn = _drawn_groups(groups, cell.reshape(-1), rounds, rng)
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

    def share(self, column: int) -> Estimate:
        """The mean of a column of numbers from 0 to 1, with its interval."""
        return estimate(self.mean(column), self.images, self.groups)


def _drawn_groups(groups: Ints, cell: Ints, rounds: int, rng: np.random.Generator) -> Ints:
    """(rounds, cells): how many images of each cell are in the groups that each round draws."""
    from scipy.sparse import csr_array

    codes = np.unique(groups, return_inverse=True)[1].reshape(-1)
    count = int(codes.max()) + 1
    members = csr_array((np.ones(len(codes), np.int64), (codes, cell)))
    sizes = [min(CHUNK, rounds - begin) for begin in range(0, rounds, CHUNK)]
    return np.vstack([rng.multinomial(count, np.full(count, 1 / count), size=size) @ members for size in sizes])


def codes_of(names: pd.Series | None) -> Ints | None:
    """Numbers for names of groups, an own one where the name is empty; None where all are empty."""
    if names is None or (names == "").all():
        return None
    codes = pd.factorize(names.where(names != ""))[0]
    own = codes < 0
    codes[own] = codes.max() + 1 + np.arange(own.sum())
    return codes.astype(np.int64)
