"""Cross-modal retrieval: recall at k, both ways, with many texts per image and many images per text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def retrieval(
    image: NDArray[np.float32], text: NDArray[np.float32], matches: NDArray[np.int64], recall_at: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Return {image_to_text, text_to_image}: {rK, median_rank, queries, chance_r1}.

    Args:
        image: (n, d) unit vectors.
        text: (m, d) unit vectors.
        matches: (pairs, 2) rows (image, text) that belong together.
        recall_at: values of k; one larger than the number of candidates counts as all of them.
    """
    return {
        "image_to_text": _one_way(image, text, matches[:, 0], matches[:, 1], recall_at),
        "text_to_image": _one_way(text, image, matches[:, 1], matches[:, 0], recall_at),
    }


def _one_way(
    queries: NDArray[np.float32],
    candidates: NDArray[np.float32],
    asked: NDArray[np.int64],
    right: NDArray[np.int64],
    recall_at: Sequence[int],
) -> dict[str, float]:
    """A query is answered at k when any of its matches is among the k nearest; ties count against it."""
    scores = queries @ candidates.T
    best = np.full(len(queries), -np.inf)
    np.maximum.at(best, asked, scores[asked, right])
    known = np.isfinite(best)
    own = np.zeros(scores.shape, bool)
    own[asked, right] = True
    rank = 1 + ((scores >= best[:, None]) & ~own).sum(1)[known]
    return {
        **{f"r{k}": float((rank <= k).mean()) for k in recall_at},
        "median_rank": float(np.median(rank)),
        "queries": float(known.sum()),
        "candidates": float(len(candidates)),
    }
