"""Cross-modal retrieval: recall at k, both ways, with many texts per image and many images per text (section 10e)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.common.data.arrays import Floats, Ints, Vectors
from stages.common.stats import Estimate, PairedBootstrap, difference
from stages.evaluation.parts import rows_of_institutions
from stages.evaluation.sets import Paired

MEMORY = 32_000_000  # bytes of scores held at once
TIED = 1e-6  # cosines that differ by less are the same: the same vector is multiplied with rounding


def retrieval(models: Mapping[str, Paired], recall_at: Sequence[int], rounds: int, seed: int) -> dict[str, Any]:
    """Return per model {image_to_text, text_to_image: {rK with its interval, median_rank, queries, candidates}},
    `difference` to the first model, paired by query, and `institution`: the recalls of each one's queries, per model;
    intervals resample groups of images where they are known.

    A query is answered at k when one of its matches is among the k nearest. Candidates with the same score, as exact
    duplicates have it, count neither for the query nor against it: their order is random, and a query's share of
    answers is the mean over it. A k larger than the number of candidates counts as all of them.
    """
    metrics: dict[str, Any] = {model: {} for model in models}
    others = list(models)[1:]
    for way in ("image_to_text", "text_to_image"):
        ranks = {}
        for model, pairs in models.items():
            queries, candidates, matches = _sides(pairs, way)
            ranks[model] = ranks_of(queries, candidates, matches)
            metrics[model][way] = {"median_rank": float(np.median(ranks[model].expected))}
            metrics[model][way] |= {"queries": len(ranks[model].better), "candidates": len(candidates)}
        rows = _first_images(matches, way)
        groups = None if pairs.group is None else pairs.group[rows]
        places = {} if pairs.institution is None else rows_of_institutions(pairs.institution[rows])
        for k in recall_at:
            hits = [found.within(k) for found in ranks.values()]
            shares = _shares(hits, rounds, seed, groups)
            for number, model in enumerate(models):
                metrics[model][way] |= shares[number].metrics(f"r{k}")
            for number, model in enumerate(others, start=1):
                apart = metrics.setdefault("difference", {}).setdefault(model, {}).setdefault(way, {})
                apart |= difference(shares[number], shares[0]).metrics(f"r{k}")
            for place, own in places.items():
                parts = _shares([hit[own] for hit in hits], rounds, seed, None if groups is None else groups[own])
                for model, share in zip(models, parts, strict=True):
                    facts = metrics.setdefault("institution", {}).setdefault(place, {}).setdefault(model, {})
                    facts.setdefault(way, {"queries": len(own)}).update(share.metrics(f"r{k}"))
    return metrics


def _shares(hits: Sequence[Floats], rounds: int, seed: int, groups: Ints | None) -> list[Estimate]:
    """The mean of each model's hits, of the same draws of queries or of their groups."""
    drawn = PairedBootstrap(hits, rounds, seed, groups)
    return [drawn.share(number) for number in range(len(hits))]


def _sides(pairs: Paired, way: str) -> tuple[Vectors, Vectors, Ints]:
    """Queries, candidates and their matches, sorted by query."""
    sides = (pairs.image, pairs.text, pairs.matches)
    if way == "text_to_image":
        sides = (pairs.text, pairs.image, pairs.matches[:, ::-1])
    return sides[0], sides[1], sides[2][np.argsort(sides[2][:, 0], kind="stable")]


def _first_images(matches: Ints, way: str) -> Ints:
    """Whose group and institution a query that has a match is of: the image itself, or a text's first image."""
    queries, first = np.unique(matches[:, 0], return_index=True)
    found: Ints = queries if way == "image_to_text" else matches[first, 1]
    return found


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
