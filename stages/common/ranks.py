"""Ranks of the right candidates in retrieval, with many matches of a query and ties between candidates."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stages.common.data.arrays import Floats, Ints, Vectors

MEMORY = 32_000_000  # bytes of scores held at once
TIED = 1e-6  # cosines that differ by less are the same: the same vector is multiplied with rounding


@dataclass(frozen=True)
class Ranks:
    """For each query: how many wrong candidates score `better` than its best match, how many are `tied` with it, and
    how many matches, at least one, have that score (`own`)."""

    better: Ints
    tied: Ints
    own: Ints

    @property
    def expected(self) -> Floats:
        """The rank of the first match, from 1, the mean over all orders of what is tied."""
        return self.better + (self.tied + self.own + 1) / (self.own + 1)

    def within(self, k: int) -> Floats:
        """The chance that a match is among the first `k`."""
        from scipy.stats import hypergeom

        alike = self.tied + self.own
        left = np.clip(k - self.better, 0, alike)  # places for those that are tied
        return np.where(left < 1, 0.0, hypergeom.sf(0, alike, self.own, left))


def ranks_of(queries: Vectors, candidates: Vectors, matches: Ints) -> Ranks:
    """Return the ranks of each query that has a match, in blocks of bounded memory."""
    matches = matches[np.argsort(matches[:, 0], kind="stable")]
    block = max(1, MEMORY // (4 * len(candidates)))
    parts = [_ranks(queries, candidates, part, first) for first, part in _blocks(matches, block)]
    return Ranks(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _blocks(matches: Ints, size: int) -> Iterator[tuple[int, Ints]]:
    for first in range(0, int(matches[-1, 0]) + 1, size):
        low, high = np.searchsorted(matches[:, 0], [first, first + size])
        if high > low:
            yield first, matches[low:high]


def _ranks(queries: Vectors, candidates: Vectors, matches: Ints, first: int) -> tuple[Ints, Ints, Ints]:
    rows, right = matches[:, 0] - first, matches[:, 1]
    scores = queries[first : first + int(rows.max()) + 1] @ candidates.T
    best = np.full(len(scores), -np.inf, np.float32)
    np.maximum.at(best, rows, scores[rows, right])
    own = np.bincount(rows, scores[rows, right] >= best[rows] - TIED).astype(np.int64)
    scores[rows, right] = -np.inf  # a query's other matches do not compete with its best one
    better, reached = ((scores >= (best + shift)[:, None]).sum(1) for shift in (TIED, -TIED))
    asked = np.isfinite(best)
    return better[asked], (reached - better)[asked], own[asked]
