"""Zero-shot classification: the class whose prompts are nearest (paper section 10)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.stats import bootstrap
from stages.evaluation.load import TEST, UNSPLIT
from stages.evaluation.params import Params


def zero_shot(arrays: dict[str, NDArray[Any]], block: Params, seed: int) -> dict[str, Any]:
    """Return accuracy, balanced accuracy with its bootstrap interval, weighted F1, chance and the number of images.

    `arrays` holds unit vectors image (n, d) and text (classes, d), label (n,) and split (n,); test images count.
    """
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

    chosen = np.isin(arrays["split"], (TEST, UNSPLIT))
    truth = arrays["label"][chosen]
    found = (arrays["image"][chosen] @ arrays["text"].T).argmax(1)
    low, high = bootstrap(
        lambda i: float(balanced_accuracy_score(truth[i], found[i])), len(truth), rounds=block.bootstrap, seed=seed
    )
    return {
        "accuracy": float(accuracy_score(truth, found)),
        "balanced_accuracy": float(balanced_accuracy_score(truth, found)),
        "balanced_accuracy_low": low,
        "balanced_accuracy_high": high,
        "weighted_f1": float(f1_score(truth, found, average="weighted", zero_division=0)),
        "chance": 1 / len(arrays["text"]),
        "images": len(truth),
    }


def mean_over_sets(arrays: dict[str, dict[str, NDArray[Any]]], block: Params, seed: int) -> dict[str, float]:
    """Mean balanced accuracy over evalsets, its interval from resampling images within each set, and mean chance."""
    from sklearn.metrics import recall_score

    rng = np.random.default_rng(seed)
    draws = np.zeros((len(arrays), block.bootstrap))
    points = []
    for row, one in enumerate(arrays.values()):
        chosen = np.isin(one["split"], (TEST, UNSPLIT))
        truth, found = one["label"][chosen], (one["image"][chosen] @ one["text"].T).argmax(1)
        points.append(float(recall_score(truth, found, average="macro", labels=np.unique(truth), zero_division=0)))
        for column in range(block.bootstrap):
            pick = rng.integers(len(truth), size=len(truth))
            right, labels = (truth[pick] == found[pick]), truth[pick]
            draws[row, column] = np.mean([right[labels == label].mean() for label in np.unique(labels)])
    low, high = np.percentile(draws.mean(0), [2.5, 97.5])
    chance = float(np.mean([1 / len(one["text"]) for one in arrays.values()]))
    return {
        "balanced_accuracy": float(np.mean(points)),
        "balanced_accuracy_low": float(low),
        "balanced_accuracy_high": float(high),
        "chance": chance,
    }


def confusion(arrays: dict[str, NDArray[Any]], names: list[str]) -> list[tuple[str, str]]:
    """Return (actual, predicted) class names of every test image, for a confusion plot."""
    chosen = np.isin(arrays["split"], (TEST, UNSPLIT))
    found = (arrays["image"][chosen] @ arrays["text"].T).argmax(1)
    return [(names[a], names[b]) for a, b in zip(arrays["label"][chosen], found, strict=True)]
