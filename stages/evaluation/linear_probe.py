"""Linear probe: logistic regression on frozen image embeddings (paper section 10d)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.common.data.arrays import Ints
from stages.common.scores import SCORES
from stages.evaluation.params import Params
from stages.evaluation.sets import Labelled


def linear_probe(evalset: Labelled, params: Params, metric: str, seed: int) -> dict[str, dict[str, float]]:
    """Return {fraction: {mean, std}} of the protocol's `metric` on test images, over `probe_seeds` draws of labels.

    Small fractions are few-shot, but there is no fixed number of images per class.

    The regularisation is chosen on the official validation split, or, where there is none, for each draw on a quarter
    of its training images. Sets with no official side to learn from are cut in half by class, with `seed`.
    """
    train, validation, test = _splits(evalset, seed)
    result = {}
    for fraction in params.probe_fractions:
        draws = [
            _probe(evalset, train, validation, test, fraction, params.probe_c, metric, seed + n)
            for n in range(params.probe_seeds)
        ]
        result[f"{fraction:g}"] = {"mean": float(np.mean(draws)), "std": float(np.std(draws))}
    return result


def _splits(evalset: Labelled, seed: int) -> tuple[Ints, Ints, Ints]:
    from sklearn.model_selection import train_test_split

    if not (evalset.table.split == "train").any():
        rows = np.arange(len(evalset.label))
        train, test = train_test_split(rows, test_size=0.5, stratify=evalset.label, random_state=seed)
        return np.sort(train), rows[:0], np.sort(test)
    train, validation, test = (evalset.rows_of(name) for name in ("train", "validation", "test"))
    return train, validation, test


def _probe(
    evalset: Labelled,
    train: Ints,
    validation: Ints,
    test: Ints,
    fraction: float,
    strengths: Sequence[float],
    metric: str,
    seed: int,
) -> float:
    from sklearn.model_selection import train_test_split

    picked = _draw(train, evalset.label, fraction, np.random.default_rng(seed))
    fit, check = picked, validation
    if not len(validation) and np.unique(evalset.label[picked], return_counts=True)[1].min() >= 4:
        fit, check = train_test_split(picked, test_size=0.25, stratify=evalset.label[picked], random_state=seed)
    best = strengths[len(strengths) // 2]  # for a class with too few images to choose by validation
    if len(check):
        scores = [_score(evalset, _fit(evalset, fit, strength), check, metric) for strength in strengths]
        best = strengths[int(np.argmax(scores))]
    return _score(evalset, _fit(evalset, picked, best), test, metric)


def _fit(evalset: Labelled, rows: Ints, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=1000).fit(evalset.image[rows], evalset.label[rows])


def _score(evalset: Labelled, model: Any, rows: Ints, metric: str) -> float:
    counts = np.zeros((len(evalset.text),) * 2)
    np.add.at(counts, (evalset.label[rows], model.predict(evalset.image[rows])), 1)
    return float(SCORES[metric](counts))


def _draw(train: Ints, label: Ints, fraction: float, rng: np.random.Generator) -> Ints:
    """The same share of each class, at least one image per class."""
    parts = []
    for name in np.unique(label[train]):
        rows = train[label[train] == name]
        parts.append(rng.choice(rows, max(1, round(fraction * len(rows))), replace=False))
    return np.sort(np.concatenate(parts))
