"""Few-shot classification by nearest class means (SimpleShot), and k nearest neighbours, on frozen image embeddings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.common.data.arrays import Floats, Ints, Vectors
from stages.common.scores import SCORES
from stages.common.stats import interval
from stages.evaluation.params import Params
from stages.evaluation.parts import by_value, rows_of_institutions
from stages.evaluation.sets import Labelled
from stages.evaluation.splits import divide, why_unmeasured

ALL = ""  # instead of an institution: all test images
Draws = dict[tuple[str, str], Floats]  # by method and number of images: the score of each draw
Scores = dict[str, Draws]  # by institution


def few_shot(models: Mapping[str, Labelled], params: Params, metric: str, seed: int) -> dict[str, Scores]:
    """Return every model's scores by the protocol's `metric` on test images, and on those of each institution.

    SimpleShot learns from `shots` images of each class, all where a class has fewer, drawn `shot_draws` times, the same
    for all models. Nearest neighbours learn from all training images, once. Sets with no official side to learn from
    are cut in half as for a linear probe, with `seed`; where nothing is left to learn from, no model has scores.
    """
    first = next(iter(models.values()))
    sides = divide(first, seed)
    train, test = sides.train, sides.test
    if why_unmeasured(sides, first.label):
        return {model: {} for model in models}
    rng = np.random.default_rng(seed)
    learned = {
        shots: [_draw(train, first.label, shots, rng) for _ in range(params.shot_draws)] for shots in params.shots
    }
    parts = {ALL: np.arange(len(test)), **rows_of_institutions(first.table.institution.to_numpy(object)[test])}
    found: dict[str, Scores] = {}
    for model, one in models.items():
        asked, truth, classes = one.image[test], one.label[test], len(one.text)
        answers = {
            ("simple_shot", str(shots)): [simple_shot(one.image[rows], one.label[rows], asked) for rows in draws]
            for shots, draws in learned.items()
        }
        answers["knn", str(params.neighbours)] = [_neighbours(one, train, test, params.neighbours)]
        found[model] = {
            place: {
                way: np.array([_score(truth[rows], predicted[rows], classes, metric) for predicted in draws])
                for way, draws in answers.items()
            }
            for place, rows in parts.items()
        }
    return found


def summaries(sets: Mapping[str, Mapping[str, Scores]], sub_pathology: Mapping[str, str]) -> dict[str, Any]:
    """Return per model {set: {method: {shots: mean, and the range in which 95 % of draws lie}}}, the means over sets,
    over those of each sub-pathology and of each institution, and `difference` to the first model, draw by draw."""
    models = list(next(iter(sets.values()), {}))
    metrics: dict[str, Any] = {model: {} for model in models}
    measured = {name: scores for name, scores in sets.items() if scores[models[0]]}
    if not measured:
        return metrics
    whole = {model: {name: scores[model][ALL] for name, scores in measured.items()} for model in models}
    of_sets = by_value(measured, lambda name: [sub_pathology.get(name, "")])
    of_images = by_value(measured, lambda name: measured[name][models[0]])
    for model in models:
        own = metrics[model]
        own |= {name: _summary(draws) for name, draws in whole[model].items()}
        own["mean"] = _summary(_mean(list(whole[model].values())))
        for value, names in of_sets.items():
            mean = _mean([whole[model][name] for name in names])
            own.setdefault("sub_pathology", {})[value] = _summary(mean)
        for place, names in of_images.items():
            mean = _mean([measured[name][model][place] for name in names])
            own.setdefault("institution", {})[place] = _summary(mean)
    for model in models[1:]:
        apart = {name: _less(own, whole[models[0]][name]) for name, own in whole[model].items()}
        by_set = {name: _summary(own) for name, own in apart.items()}
        metrics.setdefault("difference", {})[model] = by_set | {"mean": _summary(_mean(list(apart.values())))}
    return metrics


def _less(one: Draws, other: Draws) -> Draws:
    return {way: draws - other[way] for way, draws in one.items()}


def _mean(sets: Sequence[Draws]) -> Draws:
    return {way: np.mean([own[way] for own in sets], 0) for way in sets[0]}


def _summary(scores: Draws) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (method, shots), draws in scores.items():
        low, high = interval(draws)
        spread = {"low": low, "high": high} if len(draws) > 1 else {}
        found.setdefault(method, {})[shots] = {"mean": float(draws.mean()), **spread}
    return found


def simple_shot(train: Vectors, label: Ints, test: Vectors) -> Ints:
    """Return the class of each row of `test` whose mean is nearest, after vectors are centred on the mean of `train`
    and set to length 1 (Wang et al. 2019, CL2N)."""
    classes = np.unique(label)
    centre = train.mean(0)
    learned, asked = (_unit(vectors - centre) for vectors in (train, test))
    means = np.stack([learned[label == one].mean(0) for one in classes])
    distance = (means**2).sum(1) - 2 * asked @ means.T  # squared, but for the length of `asked`
    found: Ints = classes[distance.argmin(1)]
    return found


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)  # one image of one class is its own centre
    return unit


def _neighbours(evalset: Labelled, train: Ints, test: Ints, k: int) -> Ints:
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(k, len(train))).fit(evalset.image[train], evalset.label[train])
    found: Ints = model.predict(evalset.image[test])
    return found


def _draw(train: Ints, label: Ints, shots: int, rng: np.random.Generator) -> Ints:
    """As many images of each class."""
    classes = [train[label[train] == one] for one in np.unique(label[train])]
    return np.concatenate([rng.choice(rows, min(shots, len(rows)), replace=False) for rows in classes])


def _score(truth: Ints, predicted: Ints, classes: int, metric: str) -> float:
    counts = np.zeros((classes, classes))
    np.add.at(counts, (truth, predicted), 1)
    return float(SCORES[metric](counts))
