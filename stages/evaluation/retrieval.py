"""Cross-modal retrieval: recall at k, both ways, with many texts per image and many images per text (section 10e)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Ints, Vectors
from stages.common.stats import PairedBootstrap, with_interval
from stages.evaluation.sets import Paired

MEMORY = 32_000_000  # bytes of scores held at once


def retrieval(models: Mapping[str, Paired], recall_at: Sequence[int], rounds: int, seed: int) -> dict[str, Any]:
    """Return per model {image_to_text, text_to_image: {rK with its interval, median_rank, queries, candidates}}, and
    `difference` to the first model, paired by query.

    A query is answered at k when one of its matches is among the k nearest; ties count against it. A k larger than the
    number of candidates counts as all of them.
    """
    metrics: dict[str, Any] = {model: {} for model in models}
    others = list(models)[1:]
    for way in ("image_to_text", "text_to_image"):
        ranks = {}
        for model, pairs in models.items():
            sides = (pairs.image, pairs.text, pairs.matches) if way == "image_to_text" else _turned(pairs)
            ranks[model] = ranks_of(*sides)
            metrics[model][way] = {"median_rank": float(np.median(ranks[model])), "queries": len(ranks[model])}
            metrics[model][way]["candidates"] = len(sides[1])
        for k in recall_at:
            hits = PairedBootstrap([(found <= k).astype(np.int64) for found in ranks.values()], rounds, seed)
            for number, model in enumerate(models):
                metrics[model][way] |= with_interval(f"r{k}", hits.mean(number))
            for number, model in enumerate(others, start=1):
                place = metrics.setdefault("difference", {}).setdefault(model, {}).setdefault(way, {})
                place |= with_interval(f"r{k}", hits.mean(number) - hits.mean(0))
    return metrics


def _turned(pairs: Paired) -> tuple[Vectors, Vectors, Ints]:
    return pairs.text, pairs.image, pairs.matches[:, ::-1]


def ranks_of(queries: Vectors, candidates: Vectors, matches: Ints) -> Ints:
    """Return the rank, from 1, of the best match of each query that has one, in blocks of bounded memory."""
    matches = matches[np.argsort(matches[:, 0], kind="stable")]
    block = max(1, MEMORY // (4 * len(candidates)))
    return np.concatenate([_ranks(queries, candidates, part, first) for first, part in _blocks(matches, block)])


def _blocks(matches: Ints, size: int) -> Iterator[tuple[int, Ints]]:
    for first in range(0, int(matches[-1, 0]) + 1, size):
        low, high = np.searchsorted(matches[:, 0], [first, first + size])
        if high > low:
            yield first, matches[low:high]


def _ranks(queries: Vectors, candidates: Vectors, matches: Ints, first: int) -> Ints:
    rows, right = matches[:, 0] - first, matches[:, 1]
    scores = queries[first : first + int(rows.max()) + 1] @ candidates.T
    best: NDArray[np.float32] = np.full(len(scores), -np.inf, np.float32)
    np.maximum.at(best, rows, scores[rows, right])
    scores[rows, right] = -np.inf  # a query's other matches do not compete with its best one
    return 1 + (scores >= best[:, None]).sum(1)[np.isfinite(best)]
