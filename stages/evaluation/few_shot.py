"""Few-shot classification by nearest class means (SimpleShot), and k nearest neighbours, on frozen image embeddings."""

import numpy as np

from stages.common.data.arrays import Ints, Vectors
from stages.common.scores import SCORES
from stages.common.stats import interval
from stages.evaluation.params import Params
from stages.evaluation.sets import Labelled
from stages.evaluation.splits import divide, why_unmeasured


def few_shot(evalset: Labelled, params: Params, metric: str, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return {simple_shot: {shots: scores}, knn: {k: scores}} of the protocol's `metric` on test images.

    SimpleShot learns from `shots` images of each class, all where a class has fewer, drawn `shot_draws` times: the
    scores are the mean over draws and the range in which 95 % of them lie. Nearest neighbours learn from all training
    images; `knn` has a mean only. Sets with no official side to learn from are cut in half as for a linear probe, with
    `seed`. Without images to learn from or to test on there are no scores.
    """
    sides = divide(evalset, seed)
    if why_unmeasured(sides, evalset.label):
        return {}
    train, test = sides.train, sides.test
    rng = np.random.default_rng(seed)
    by_shots = {}
    for shots in params.shots:
        draws = [
            _score(evalset, test, simple_shot(evalset.image[rows], evalset.label[rows], evalset.image[test]), metric)
            for rows in (_draw(train, evalset.label, shots, rng) for _ in range(params.shot_draws))
        ]
        low, high = interval(draws)
        by_shots[str(shots)] = {"mean": float(np.mean(draws)), "low": low, "high": high}
    return {"simple_shot": by_shots, "knn": _neighbours(evalset, train, test, params.neighbours, metric)}


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


def _neighbours(evalset: Labelled, train: Ints, test: Ints, k: int, metric: str) -> dict[str, dict[str, float]]:
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(min(k, len(train))).fit(evalset.image[train], evalset.label[train])
    return {str(k): {"mean": _score(evalset, test, model.predict(evalset.image[test]), metric)}}


def _draw(train: Ints, label: Ints, shots: int, rng: np.random.Generator) -> Ints:
    """As many images of each class."""
    classes = [train[label[train] == one] for one in np.unique(label[train])]
    return np.concatenate([rng.choice(rows, min(shots, len(rows)), replace=False) for rows in classes])


def _score(evalset: Labelled, test: Ints, predicted: Ints, metric: str) -> float:
    counts = np.zeros((len(evalset.text),) * 2)
    np.add.at(counts, (evalset.label[test], predicted), 1)
    return float(SCORES[metric](counts))
