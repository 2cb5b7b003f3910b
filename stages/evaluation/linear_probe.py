"""Linear probe: logistic regression on frozen image embeddings (paper section 10d)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.evaluation.load import TEST, TRAIN, UNSPLIT
from stages.evaluation.params import Params


def linear_probe(arrays: dict[str, NDArray[Any]], block: Params, seed: int) -> dict[str, dict[str, float]]:
    """Return {fraction: {mean, std}} of test balanced accuracy over `block.probe_seeds` draws of the labels.

    The regularisation is chosen for each draw on a quarter of its training images; sets without an official split are
    cut in half by class, with `seed`.
    """
    train, test = _sides(arrays["split"], arrays["label"], seed)
    result = {}
    for fraction in block.probe_fractions:
        marks = [_probe(arrays, train, test, fraction, block.probe_c, seed + n) for n in range(block.probe_seeds)]
        result[f"{fraction:g}"] = {"mean": float(np.mean(marks)), "std": float(np.std(marks))}
    return result


def _sides(split: NDArray[Any], label: NDArray[Any], seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    from sklearn.model_selection import train_test_split

    if (split == UNSPLIT).all():
        train, test = train_test_split(np.arange(len(label)), test_size=0.5, stratify=label, random_state=seed)
        return np.sort(train), np.sort(test)
    return np.flatnonzero(split == TRAIN), np.flatnonzero(split == TEST)


def _probe(
    arrays: dict[str, NDArray[Any]],
    train: NDArray[Any],
    test: NDArray[Any],
    fraction: float,
    strengths: list[float],
    seed: int,
) -> float:
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import train_test_split

    image, label = arrays["image"], arrays["label"]
    picked = _draw(train, label, fraction, np.random.default_rng(seed))
    _, sizes = np.unique(label[picked], return_counts=True)
    best = strengths[len(strengths) // 2]
    if sizes.min() >= 4:
        fit, check = train_test_split(picked, test_size=0.25, stratify=label[picked], random_state=seed)
        marks = [
            balanced_accuracy_score(label[check], _fit(image[fit], label[fit], c).predict(image[check]))
            for c in strengths
        ]
        best = strengths[int(np.argmax(marks))]
    return float(balanced_accuracy_score(label[test], _fit(image[picked], label[picked], best).predict(image[test])))


def _fit(image: NDArray[Any], label: NDArray[Any], strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=1000).fit(image, label)


def _draw(train: NDArray[Any], label: NDArray[Any], fraction: float, rng: np.random.Generator) -> NDArray[Any]:
    """The same share of each class, at least one image a class."""
    parts = []
    for name in np.unique(label[train]):
        own = train[label[train] == name]
        parts.append(rng.choice(own, max(1, round(fraction * len(own))), replace=False))
    return np.sort(np.concatenate(parts))
