"""Linear probe: logistic regression on frozen image embeddings (paper section 10d)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.evaluation.params import Params
from stages.evaluation.scores import SCORES
from stages.evaluation.sets import Labelled

Rows = NDArray[np.int64]


def linear_probe(one: Labelled, params: Params, metric: str, seed: int) -> dict[str, dict[str, float]]:
    """Return {fraction: {mean, std}} of the protocol's `metric` on test images, over `probe_seeds` draws of labels.

    The regularisation is chosen on the official validation split, or, where there is none, for each draw on a quarter
    of its training images. Sets with no official side to learn from are cut in half by class, with `seed`.
    """
    train, validation, test = _splits(one, seed)
    result = {}
    for fraction in params.probe_fractions:
        draws = [
            _probe(one, train, validation, test, fraction, params.probe_c, metric, seed + n)
            for n in range(params.probe_seeds)
        ]
        result[f"{fraction:g}"] = {"mean": float(np.mean(draws)), "std": float(np.std(draws))}
    return result


def _splits(one: Labelled, seed: int) -> tuple[Rows, Rows, Rows]:
    from sklearn.model_selection import train_test_split

    if not (one.table.split == "train").any():
        rows = np.arange(len(one.label))
        train, test = train_test_split(rows, test_size=0.5, stratify=one.label, random_state=seed)
        return np.sort(train), rows[:0], np.sort(test)
    train, validation, test = (one.rows_of(name) for name in ("train", "validation", "test"))
    return train, validation, test


def _probe(
    one: Labelled,
    train: Rows,
    validation: Rows,
    test: Rows,
    fraction: float,
    strengths: Sequence[float],
    metric: str,
    seed: int,
) -> float:
    from sklearn.model_selection import train_test_split

    picked = _draw(train, one.label, fraction, np.random.default_rng(seed))
    fit, check = picked, validation
    if not len(validation) and np.unique(one.label[picked], return_counts=True)[1].min() >= 4:
        fit, check = train_test_split(picked, test_size=0.25, stratify=one.label[picked], random_state=seed)
    best = strengths[len(strengths) // 2]  # what is taken where a class has too few images to choose by
    if len(check):
        scores = [_score(one, _fit(one, fit, strength), check, metric) for strength in strengths]
        best = strengths[int(np.argmax(scores))]
    return _score(one, _fit(one, picked, best), test, metric)


def _fit(one: Labelled, rows: Rows, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=1000).fit(one.image[rows], one.label[rows])


def _score(one: Labelled, model: Any, rows: Rows, metric: str) -> float:
    counts = np.zeros((len(one.text),) * 2)
    np.add.at(counts, (one.label[rows], model.predict(one.image[rows])), 1)
    return float(SCORES[metric](counts))


def _draw(train: Rows, label: NDArray[np.int64], fraction: float, rng: np.random.Generator) -> Rows:
    """The same share of each class, at least one image a class."""
    parts = []
    for name in np.unique(label[train]):
        own = train[label[train] == name]
        parts.append(rng.choice(own, max(1, round(fraction * len(own))), replace=False))
    return np.sort(np.concatenate(parts))
