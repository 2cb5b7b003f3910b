"""Zero-shot classification: the class whose prompts are nearest (paper section 10)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Floats, Ints
from stages.common.evalsets.protocol import Evalset, Protocol
from stages.common.scores import SCALE, SCORES, aurocs, calibration_error, images_behind, odds_of, recall
from stages.common.stats import Estimate, PairedBootstrap, difference, estimate, mean_of
from stages.evaluation.parts import rows_of_institutions
from stages.evaluation.sets import Labelled

CHUNK = 50  # rounds of the area under the curve at once


@dataclass(frozen=True)
class Predictions:
    """The classes that models predict for the measured images of one set. Arrays are (n,), probabilities (n, classes);
    `predicted` and `probability` are by model; `group` numbers patients, slides or originals, None where each image is
    its own."""

    paths: NDArray[np.object_]
    institution: NDArray[np.object_]
    truth: Ints
    predicted: dict[str, Ints]
    probability: dict[str, Floats]
    classes: list[str]
    group: Ints | None = None


def classify(models: Mapping[str, Labelled], evalset: Evalset) -> Predictions:
    """Classify the images of the set's measured side under every model."""
    first = next(iter(models.values()))
    chosen = first.rows_of(evalset.split)
    probability = {}
    for name, embedded in models.items():
        probability[name] = odds_of(embedded.image[chosen] @ embedded.text.T, SCALE)
    path, institution = (first.table[name].to_numpy(object)[chosen] for name in ("path", "institution"))
    predicted = {name: values.argmax(1) for name, values in probability.items()}
    group = None if first.group is None else first.group[chosen]
    classes = list(evalset.classes.values())
    return Predictions(path, institution, first.label[chosen], predicted, probability, classes, group)


def zero_shot(sets: Mapping[str, Predictions], protocol: Protocol, rounds: int, seed: int) -> dict[str, Any]:
    """Return per model {set, mean, sub_pathology.NAME, institution.NAME: scores}, and `difference` to the first model.

    Scores are accuracy, balanced accuracy, weighted and macro F1, each with its interval; sets have the area under the
    ROC curve (one versus rest, macro), the expected calibration error, the recall of each class, chance and the number
    of images, too. `score` of a mean is the protocol's metric. Differences are paired: both models see the same draws,
    of groups where they are known. The area under the curve is None where only one class has images.
    """
    models = list(next(iter(sets.values())).predicted) if sets else []
    whole = {
        name: _scores(predictions, np.arange(len(predictions.truth)), rounds, seed)
        for name, predictions in sets.items()
    }
    sizes = {name: len(predictions.truth) for name, predictions in sets.items()}
    metrics: dict[str, Any] = {model: {} for model in models}
    for name, predictions in sets.items():
        for model in models:
            metrics[model][name] = _metrics(whole[name][model]) | _of_set(predictions, model, rounds, seed)
    if not sets:
        return metrics
    mean = _averaged(whole, sizes, protocol.averaging)
    chance = float(np.mean([1 / len(predictions.classes) for predictions in sets.values()]))
    for model in models:
        metrics[model]["mean"] = _metrics(mean[model]) | mean[model][protocol.metric].metrics("score")
        metrics[model]["mean"]["chance"] = chance
    for kind, parts in (
        ("sub_pathology", _by_set(sets, lambda name: protocol.evalsets[name].sub_pathology)),
        ("institution", _by_institution(sets)),
    ):
        for value, chosen in parts.items():
            parts_scored = {name: _scores(sets[name], rows, rounds, seed) for name, rows in chosen.items()}
            scores = _averaged(parts_scored, {name: len(rows) for name, rows in chosen.items()}, protocol.averaging)
            for model in models:
                metrics[model].setdefault(kind, {})[value] = scores[model][protocol.metric].metrics("score")
    metrics["difference"] = {}
    for model in models[1:]:
        apart = {
            name: difference(scores[model][protocol.metric], scores[models[0]][protocol.metric])
            for name, scores in whole.items()
        }
        apart["mean"] = mean_of(list(apart.values()), _weights(sizes, protocol.averaging))
        metrics["difference"][model] = {name: one.metrics("score") for name, one in apart.items()}
    return metrics


Scored = dict[str, dict[str, Estimate]]  # model, score


def _scores(predictions: Predictions, rows: Ints, rounds: int, seed: int) -> Scored:
    group = None if predictions.group is None else predictions.group[rows]
    columns = [predictions.truth[rows], *(found[rows] for found in predictions.predicted.values())]
    drawn = PairedBootstrap(columns, rounds, seed, group)
    scored: Scored = {}
    for number, model in enumerate(predictions.predicted, start=1):
        counts = drawn.confusions(0, number, len(predictions.classes))
        scored[model] = {
            name: estimate(score(counts), images_behind(name, counts[0]), drawn.groups)
            for name, score in SCORES.items()
        }
    return scored


def _averaged(scored: Mapping[str, Scored], sizes: Mapping[str, int], averaging: str) -> Scored:
    """Means over sets."""
    weights = _weights({name: sizes[name] for name in scored}, averaging)
    return {
        model: {score: mean_of([one[model][score] for one in scored.values()], weights) for score in SCORES}
        for model in next(iter(scored.values()))
    }


def _weights(sizes: Mapping[str, int], averaging: str) -> list[int]:
    return [size if averaging == "images" else 1 for size in sizes.values()]


def _metrics(scores: Mapping[str, Estimate]) -> dict[str, float | None]:
    return {key: number for name, one in scores.items() for key, number in one.metrics(name).items()}


def _of_set(predictions: Predictions, model: str, rounds: int, seed: int) -> dict[str, Any]:
    counts = np.zeros((len(predictions.classes),) * 2)
    np.add.at(counts, (predictions.truth, predictions.predicted[model]), 1)
    return {
        **_area(predictions, model, rounds, seed).metrics("auroc"),
        "ece": calibration_error(predictions.truth, predictions.probability[model]),
        "recall": dict(zip(predictions.classes, recall(counts).tolist(), strict=True)),
        "chance": 1 / len(predictions.classes),
        "images": len(predictions.truth),
    }


def _area(predictions: Predictions, model: str, rounds: int, seed: int) -> Estimate:
    rng, count = np.random.default_rng(seed), len(predictions.truth)
    owner = np.arange(count) if predictions.group is None else np.unique(predictions.group, return_inverse=True)[1]
    groups = int(owner.max()) + 1
    probability = predictions.probability[model]
    parts = [aurocs(predictions.truth, probability, np.ones((1, count)))]
    for begin in range(0, rounds, CHUNK):
        size = min(CHUNK, rounds - begin)
        weights = rng.multinomial(groups, np.full(groups, 1 / groups), size=size)[:, owner].astype(np.float64)
        parts.append(aurocs(predictions.truth, probability, weights))
    sizes = np.diag(np.bincount(predictions.truth).astype(np.float64))
    images = images_behind("auroc", sizes)
    return estimate(np.concatenate(parts), images, None if predictions.group is None else groups)


def _by_set(sets: Mapping[str, Predictions], key: Callable[[str], str]) -> dict[str, dict[str, Ints]]:
    parts: dict[str, dict[str, Ints]] = {}
    for name, predictions in sets.items():
        parts.setdefault(key(name), {})[name] = np.arange(len(predictions.truth))
    return parts


def _by_institution(sets: Mapping[str, Predictions]) -> dict[str, dict[str, Ints]]:
    parts: dict[str, dict[str, Ints]] = {}
    for name, predictions in sets.items():
        for place, rows in rows_of_institutions(predictions.institution).items():
            parts.setdefault(place, {})[name] = rows
    return parts


def prediction_rows(predictions: Predictions, model: str) -> Sequence[dict[str, str]]:
    """A row per image: its path, its class and the class that `model` predicts."""
    names = np.array(predictions.classes, object)
    columns = (predictions.paths, names[predictions.truth], names[predictions.predicted[model]])
    return [dict(zip(("image", "actual", "predicted"), row, strict=True)) for row in zip(*columns, strict=True)]
