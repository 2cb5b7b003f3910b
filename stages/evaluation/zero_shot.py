"""Zero-shot classification: the class whose prompts are nearest (paper section 10), compared with human readers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.arrays import Floats, Ints
from stages.common.errors import StageError
from stages.common.evalsets.protocol import Evalset, Protocol
from stages.common.scores import SCALE, SCORES, aurocs, calibration_error, odds_of, recall
from stages.common.stats import PairedBootstrap, with_interval
from stages.evaluation.sets import Labelled

CHUNK = 50  # rounds of the area under the curve at once
READER_COLUMNS = ("image", "reader", "label")


@dataclass(frozen=True)
class Predictions:
    """The classes that models predict for the measured images of one set. Arrays are (n,), probabilities (n, classes);
    `predicted` and `probability` are by model."""

    paths: NDArray[np.object_]
    institution: NDArray[np.object_]
    truth: Ints
    predicted: dict[str, Ints]
    probability: dict[str, Floats]
    classes: list[str]


def classify(models: Mapping[str, Labelled], evalset: Evalset) -> Predictions:
    """Classify the images of the set's measured side under every model."""
    first = next(iter(models.values()))
    chosen = first.rows_of(evalset.split)
    probability = {}
    for name, embedded in models.items():
        probability[name] = odds_of(embedded.image[chosen] @ embedded.text.T, SCALE)
    path, institution = (first.table[name].to_numpy(object)[chosen] for name in ("path", "institution"))
    predicted = {name: values.argmax(1) for name, values in probability.items()}
    return Predictions(path, institution, first.label[chosen], predicted, probability, list(evalset.classes.values()))


def zero_shot(sets: Mapping[str, Predictions], protocol: Protocol, rounds: int, seed: int) -> dict[str, Any]:
    """Return per model {set, mean, sub_pathology.NAME, institution.NAME: scores}, and `difference` to the first model.

    Scores are accuracy, balanced accuracy, weighted and macro F1, each with its interval; sets have the area under the
    ROC curve (one versus rest, macro), the expected calibration error, the recall of each class, chance and the number
    of images, too. `score` of a
    mean is the protocol's metric. Differences are paired: both models see the same draws.
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
            metrics[model][name] = _with_intervals(whole[name][model]) | _of_set(predictions, model, rounds, seed)
    if not sets:
        return metrics
    mean = _averaged(whole, sizes, protocol.averaging)
    chance = float(np.mean([1 / len(predictions.classes) for predictions in sets.values()]))
    for model in models:
        metrics[model]["mean"] = _with_intervals(mean[model]) | with_interval("score", mean[model][protocol.metric])
        metrics[model]["mean"]["chance"] = chance
    for kind, parts in (
        ("sub_pathology", _by_set(sets, lambda name: protocol.evalsets[name].sub_pathology)),
        ("institution", _by_institution(sets)),
    ):
        for value, chosen in parts.items():
            parts_scored = {name: _scores(sets[name], rows, rounds, seed) for name, rows in chosen.items()}
            scores = _averaged(parts_scored, {name: len(rows) for name, rows in chosen.items()}, protocol.averaging)
            for model in models:
                metrics[model].setdefault(kind, {})[value] = with_interval("score", scores[model][protocol.metric])
    metrics["difference"] = {
        model: {
            name: with_interval("score", scores[model][protocol.metric] - scores[models[0]][protocol.metric])
            for name, scores in {**whole, "mean": mean}.items()
        }
        for model in models[1:]
    }
    return metrics


Scored = dict[str, dict[str, Floats]]  # model, score: (1 + rounds,) values


def _scores(predictions: Predictions, rows: Ints, rounds: int, seed: int) -> Scored:
    drawn = PairedBootstrap(
        [predictions.truth[rows], *(found[rows] for found in predictions.predicted.values())], rounds, seed
    )
    confusions = {m: drawn.confusions(0, n + 1, len(predictions.classes)) for n, m in enumerate(predictions.predicted)}
    return {m: {name: score(confusions[m]) for name, score in SCORES.items()} for m in predictions.predicted}


def _averaged(scored: Mapping[str, Scored], sizes: Mapping[str, int], averaging: str) -> Scored:
    """Means over sets; images of different sets are drawn independently of each other."""
    weights = np.array([sizes[name] if averaging == "images" else 1 for name in scored], np.float64)
    first = next(iter(scored.values()))
    return {
        model: {
            score: np.average([_shuffled(one[model][score], n) for n, one in enumerate(scored.values())], 0, weights)
            for score in SCORES
        }
        for model in first
    }


def _shuffled(values: Floats, number: int) -> Floats:
    """Rounds in another order for each set, the same for each model: sets of one seed would vary together."""
    return np.r_[values[:1], np.random.default_rng(number).permutation(values[1:])]


def _with_intervals(scores: dict[str, Floats]) -> dict[str, float]:
    return {key: number for name, values in scores.items() for key, number in with_interval(name, values).items()}


def _of_set(predictions: Predictions, model: str, rounds: int, seed: int) -> dict[str, Any]:
    counts = np.zeros((len(predictions.classes),) * 2)
    np.add.at(counts, (predictions.truth, predictions.predicted[model]), 1)
    return {
        **with_interval("auroc", _areas(predictions, model, rounds, seed)),
        "ece": calibration_error(predictions.truth, predictions.probability[model]),
        "recall": dict(zip(predictions.classes, recall(counts).tolist(), strict=True)),
        "chance": 1 / len(predictions.classes),
        "images": len(predictions.truth),
    }


def _areas(predictions: Predictions, model: str, rounds: int, seed: int) -> Floats:
    rng, count = np.random.default_rng(seed), len(predictions.truth)
    parts = [aurocs(predictions.truth, predictions.probability[model], np.ones((1, count)))]
    for begin in range(0, rounds, CHUNK):
        size = min(CHUNK, rounds - begin)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)
        parts.append(aurocs(predictions.truth, predictions.probability[model], weights))
    return np.concatenate(parts)


def _by_set(sets: Mapping[str, Predictions], key: Callable[[str], str]) -> dict[str, dict[str, Ints]]:
    parts: dict[str, dict[str, Ints]] = {}
    for name, predictions in sets.items():
        parts.setdefault(key(name), {})[name] = np.arange(len(predictions.truth))
    return parts


def _by_institution(sets: Mapping[str, Predictions]) -> dict[str, dict[str, Ints]]:
    parts: dict[str, dict[str, Ints]] = {}
    for name, predictions in sets.items():
        for place in sorted(set(predictions.institution) - {""}):
            parts.setdefault(place, {})[name] = np.flatnonzero(predictions.institution == place)
    return parts


def prediction_rows(predictions: Predictions, model: str) -> Sequence[dict[str, str]]:
    """A row per image: its path, its class and the class that `model` predicts."""
    names = np.array(predictions.classes, object)
    columns = (predictions.paths, names[predictions.truth], names[predictions.predicted[model]])
    return [dict(zip(("image", "actual", "predicted"), row, strict=True)) for row in zip(*columns, strict=True)]


def compare_readers(path: Path, predictions: Predictions, evalset: Evalset, rounds: int, seed: int) -> dict[str, Any]:
    """Return {reader: {images, accuracy, kappa, MODEL: {accuracy, kappa, difference}}} for a CSV of human labels:
    models beside people who read the same images (the paper's open question).

    `path` has the columns image (below its own folder), reader and label (as the set's files have them). Kappa is
    Cohen's, against the set's labels; a difference is the model's accuracy less the reader's on the images that the
    reader labelled, with its paired interval. Raises StageError for an image or label that the set does not have.
    """
    from sklearn.metrics import cohen_kappa_score

    if not path.exists():
        raise StageError(f"{path} not found: evalsets.*.readers names it in the protocol")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [name for name in READER_COLUMNS if name not in table.columns]:
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    known = {name: number for number, name in enumerate(predictions.paths)}
    codes = {code: number for number, code in enumerate(evalset.classes)}
    for number, (image, label) in enumerate(zip(table.image, table.label, strict=True), start=2):
        if (path.parent / image).as_posix() not in known:
            raise StageError(f"{path}: row {number}: {image} is not a measured image of the set")
        if label not in codes:
            raise StageError(f"{path}: row {number}: label '{label}' is none of {', '.join(codes)}")
    result: dict[str, Any] = {}
    for reader, rows in table.groupby("reader"):
        chosen = np.array([known[(path.parent / image).as_posix()] for image in rows.image])
        truth, labels = predictions.truth[chosen], rows.label.map(codes).to_numpy(np.int64)
        facts: dict[str, Any] = {
            "images": len(chosen),
            "accuracy": float((labels == truth).mean()),
            "kappa": float(cohen_kappa_score(truth, labels)),
        }
        for model, predicted in predictions.predicted.items():
            right = PairedBootstrap(
                [(predicted[chosen] == truth).astype(np.int64), (labels == truth).astype(np.int64)], rounds, seed
            )
            facts[model] = {
                "accuracy": float(right.mean(0)[0]),
                "kappa": float(cohen_kappa_score(truth, predicted[chosen])),
                **with_interval("difference", right.mean(0) - right.mean(1)),
            }
        result[str(reader)] = facts
    return result
