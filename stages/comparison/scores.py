"""A score with its interval."""

from collections.abc import Sequence

import numpy as np

from stages.common.data.arrays import Floats, Ints
from stages.common.scores import SCORES, images_behind
from stages.common.stats import Estimate, estimate


def score(
    truth: Ints,
    predicted: Ints,
    classes: int,
    metric: str,
    rounds: int,
    seed: int | Sequence[int],
    group: Ints | None = None,
) -> Estimate:
    """Return `metric`, the median over prompts, with its interval over resampled images, or groups (n,) of them.

    `predicted` is (draws of prompts, images); all draws, and all calls with the same seed, see the same resampled
    images.
    """
    rng = np.random.default_rng(seed)
    owner = np.arange(len(truth)) if group is None else group
    count = int(owner.max()) + 1
    drawn = (rng.multinomial(count, np.full(count, 1 / count)).astype(np.float64)[owner] for _ in range(rounds))
    weights = (np.ones(len(truth)), *drawn)
    values = np.array([np.median(SCORES[metric](confusions(truth, predicted, classes, one))) for one in weights])
    images = images_behind(metric, confusions(truth, predicted[:1], classes, weights[0])[0])
    return estimate(values, images, None if group is None else count)


def confusions(truth: Ints, predicted: Ints, classes: int, weights: Floats) -> Floats:
    """(draws, classes, classes) confusion matrices in which an image counts as often as its weight says."""
    draws = len(predicted)
    cells = (np.arange(draws)[:, None] * classes + truth) * classes + predicted
    counts: Floats = np.bincount(cells.ravel(), np.tile(weights, draws), draws * classes**2).astype(np.float64)
    return counts.reshape(draws, classes, classes)
