"""What is measured of a set, and a score with its rounds of resampling."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stages.common.data.arrays import Floats, Ints
from stages.common.scores import SCORES


def measured_side(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """The labelled images of the measured side; all of a set without sides."""
    if split != "all" and not (table.split == "").all():
        table = table[table.split == split]
    return table[table.label >= 0].reset_index(drop=True)


def score_rounds(
    truth: Ints, predicted: Ints, classes: int, metric: str, rounds: int, seed: int | Sequence[int]
) -> Floats:
    """Return (1 + rounds,) medians over prompts of `metric`: of the images as they are, and of resampled ones.

    `predicted` is (draws of prompts, images); all draws, and all calls with the same seed, see the same resampled
    images.
    """
    rng, count = np.random.default_rng(seed), len(truth)
    drawn = (rng.multinomial(count, np.full(count, 1 / count)).astype(np.float64) for _ in range(rounds))
    score = SCORES[metric]
    return np.array([np.median(score(confusions(truth, predicted, classes, one))) for one in (np.ones(count), *drawn)])


def confusions(truth: Ints, predicted: Ints, classes: int, weights: Floats) -> Floats:
    """(draws, classes, classes) confusion matrices in which an image counts as often as its weight says."""
    draws = len(predicted)
    cells = (np.arange(draws)[:, None] * classes + truth) * classes + predicted
    counts: Floats = np.bincount(cells.ravel(), np.tile(weights, draws), draws * classes**2).astype(np.float64)
    return counts.reshape(draws, classes, classes)
