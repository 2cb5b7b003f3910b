"""Scores of one confusion matrix or of many at once, balanced accuracy among them, and scores of probabilities."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stages.common.data.arrays import Floats, Ints, Vectors

SCALE = 100.0  # CLIP's temperature: what turns cosines into probabilities
BINS = 15  # of probabilities, in the calibration error


def accuracy(confusion: Floats) -> Floats:
    """Share of images whose class is predicted right. `confusion` is (..., actual, predicted)."""
    return _ratio(_hits(confusion).sum(-1), confusion.sum((-1, -2)))


def balanced_accuracy(confusion: Floats) -> Floats:
    """Mean recall over the classes that have images."""
    there = confusion.sum(-1) > 0
    return _ratio(np.where(there, recall(confusion), 0).sum(-1), there.sum(-1))


def weighted_f1(confusion: Floats) -> Floats:
    """Mean F1 over classes, weighted by their numbers of images."""
    sizes = confusion.sum(-1)
    return _ratio((_f1(confusion) * sizes).sum(-1), sizes.sum(-1))


def macro_f1(confusion: Floats) -> Floats:
    """Mean F1 over the classes that have images or are predicted."""
    there = (confusion.sum(-1) + confusion.sum(-2)) > 0
    return _ratio(np.where(there, _f1(confusion), 0).sum(-1), there.sum(-1))


def recall(confusion: Floats) -> Floats:
    """(..., classes): share of each class's images that are predicted right."""
    return _ratio(_hits(confusion), confusion.sum(-1))


SCORES: dict[str, Callable[[Floats], Floats]] = {
    score.__name__: score for score in (accuracy, balanced_accuracy, weighted_f1, macro_f1)
}


def images_behind(score: str, confusion: Floats) -> float:
    """How many images `score` is as sure as: of scores that weigh classes the same, small classes decide."""
    sizes = confusion.sum(-1)
    if score in ("accuracy", "weighted_f1"):
        return float(sizes.sum())
    there = sizes[sizes > 0]
    return float(len(there) ** 2 / (1 / there).sum())


def aurocs(truth: Ints, probability: Floats, weights: Floats) -> Floats:
    """One-versus-rest area under the ROC curve, mean over classes, for each row of `weights` (rounds, n).

    `probability` is (n, classes). A class without images in a round, or with all of them, is left out of that round's
    mean, which is NaN where none is left. The same as scikit-learn's roc_auc_score with sample_weight, but images are
    sorted once for all rounds.
    """
    areas = []
    for number in range(probability.shape[1]):
        order = np.argsort(probability[:, number], kind="stable")
        own = (truth[order] == number)[None, :]
        steps = np.flatnonzero(np.r_[True, np.diff(probability[order, number]) > 0])  # where another value begins
        sorted_weights = weights[:, order]
        right = np.add.reduceat(sorted_weights * own, steps, axis=1)
        wrong = np.add.reduceat(sorted_weights * ~own, steps, axis=1)
        below = np.cumsum(wrong, axis=1) - wrong / 2
        total = right.sum(1) * wrong.sum(1)
        areas.append(np.where(total > 0, (right * below).sum(1) / np.where(total > 0, total, 1), np.nan))
    stacked = np.stack(areas)
    known = np.isfinite(stacked)
    return np.where(known.any(0), _ratio(np.where(known, stacked, 0).sum(0), known.sum(0)), np.nan)


def odds_of(similarity: Vectors, scale: float) -> Floats:
    """(n, classes) probabilities of classes by their similarity, at a temperature of 1 / `scale`."""
    logits = scale * similarity.astype(np.float64)
    odds = np.exp(logits - logits.max(1, keepdims=True))
    found: Floats = odds / odds.sum(1, keepdims=True)
    return found


def calibration_error(truth: Ints, probability: Floats) -> float:
    """Expected calibration error: how far the probability of the predicted class is from the share of right images,
    weighted over BINS bins of equal width (Guo et al. 2017). The same as torchmetrics', which takes longer to import
    than zero-shot takes as a whole."""
    sure, right = probability.max(1), probability.argmax(1) == truth
    bins = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], sure, side="left")
    apart = np.bincount(bins, right - sure, BINS)
    return float(np.abs(apart).sum() / len(truth))


def _hits(confusion: Floats) -> Floats:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _f1(confusion: Floats) -> Floats:
    return _ratio(2 * _hits(confusion), confusion.sum(-1) + confusion.sum(-2))


def _ratio(above: Any, below: Any) -> Floats:
    return np.divide(above, below, out=np.zeros(np.shape(above)), where=np.asarray(below) > 0)
