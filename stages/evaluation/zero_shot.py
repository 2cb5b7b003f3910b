"""Zero-shot classification: the class whose prompts are nearest (paper section 10)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Floats, Ints
from stages.common.evalsets.protocol import Evalset, Protocol
from stages.common.stats import Resampled, described
from stages.evaluation.scores import SCORES, aurocs, recall
from stages.evaluation.sets import Labelled

SCALE = 100.0  # CLIP's temperature: what turns cosines into probabilities
CHUNK = 50  # rounds of the area under the curve at once


@dataclass(frozen=True)
class Decided:
    """What models took the measured images of one set for. Arrays are (n,), but for probability (n, classes)."""

    paths: NDArray[np.object_]
    institution: NDArray[np.object_]
    truth: Ints
    found: dict[str, Ints]
    probability: dict[str, Floats]
    classes: list[str]


def decide(models: Mapping[str, Labelled], evalset: Evalset) -> Decided:
    """Classify the images of the set's measured side under every model."""
    first = next(iter(models.values()))
    chosen = first.rows_of(evalset.split)
    probability = {}
    for name, one in models.items():
        logits = SCALE * (one.image[chosen] @ one.text.T).astype(np.float64)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        probability[name] = odds / odds.sum(1, keepdims=True)
    path, institution = (first.table[name].to_numpy(object)[chosen] for name in ("path", "institution"))
    found = {name: values.argmax(1) for name, values in probability.items()}
    return Decided(path, institution, first.label[chosen], found, probability, list(evalset.classes.values()))


def zero_shot(sets: Mapping[str, Decided], protocol: Protocol, rounds: int, seed: int) -> dict[str, Any]:
    """Return per model {set, mean, sub_pathology.NAME, institution.NAME: scores}, and `difference` to the first model.

    Scores are accuracy, balanced accuracy, weighted and macro F1, each with its interval; sets have the area under the
    ROC curve (one versus rest, macro), the recall of each class, chance and the number of images, too. `score` of a
    mean is the protocol's metric. Differences are paired: both models see the same draws.
    """
    models = list(next(iter(sets.values())).found) if sets else []
    whole = {name: _scores(one, np.arange(len(one.truth)), rounds, seed) for name, one in sets.items()}
    sizes = {name: len(one.truth) for name, one in sets.items()}
    metrics: dict[str, Any] = {model: {} for model in models}
    for name, one in sets.items():
        for model in models:
            metrics[model][name] = _described(whole[name][model]) | _of_set(one, model, rounds, seed)
    if not sets:
        return metrics
    mean = _averaged(whole, sizes, protocol.averaging)
    chance = float(np.mean([1 / len(one.classes) for one in sets.values()]))
    for model in models:
        metrics[model]["mean"] = _described(mean[model]) | described("score", mean[model][protocol.metric])
        metrics[model]["mean"]["chance"] = chance
    for kind, parts in (
        ("sub_pathology", _by_set(sets, lambda name: protocol.evalsets[name].sub_pathology)),
        ("institution", _by_institution(sets)),
    ):
        for value, chosen in parts.items():
            own = {name: _scores(sets[name], rows, rounds, seed) for name, rows in chosen.items()}
            scores = _averaged(own, {name: len(rows) for name, rows in chosen.items()}, protocol.averaging)
            for model in models:
                metrics[model].setdefault(kind, {})[value] = described("score", scores[model][protocol.metric])
    metrics["difference"] = {
        model: {
            name: described("score", one[model][protocol.metric] - one[models[0]][protocol.metric])
            for name, one in {**whole, "mean": mean}.items()
        }
        for model in models[1:]
    }
    return metrics


Scored = dict[str, dict[str, Floats]]  # model, score: (1 + rounds,) values


def _scores(one: Decided, rows: Ints, rounds: int, seed: int) -> Scored:
    resampled = Resampled([one.truth[rows], *(found[rows] for found in one.found.values())], rounds, seed)
    confusions = {m: resampled.confusions(0, n + 1, len(one.classes)) for n, m in enumerate(one.found)}
    return {m: {name: score(confusions[m]) for name, score in SCORES.items()} for m in one.found}


def _averaged(own: Mapping[str, Scored], sizes: Mapping[str, int], averaging: str) -> Scored:
    """Means over sets; images of different sets are drawn independently of each other."""
    weights = np.array([sizes[name] if averaging == "images" else 1 for name in own], np.float64)
    first = next(iter(own.values()))
    return {
        model: {
            score: np.average([_shuffled(one[model][score], n) for n, one in enumerate(own.values())], 0, weights)
            for score in SCORES
        }
        for model in first
    }


def _shuffled(values: Floats, number: int) -> Floats:
    """Rounds in another order for each set, the same for each model: sets of one seed would vary together."""
    return np.r_[values[:1], np.random.default_rng(number).permutation(values[1:])]


def _described(scores: dict[str, Floats]) -> dict[str, float]:
    return {key: number for name, values in scores.items() for key, number in described(name, values).items()}


def _of_set(one: Decided, model: str, rounds: int, seed: int) -> dict[str, Any]:
    counts = np.zeros((len(one.classes),) * 2)
    np.add.at(counts, (one.truth, one.found[model]), 1)
    return {
        **described("auroc", _areas(one, model, rounds, seed)),
        "recall": dict(zip(one.classes, recall(counts).tolist(), strict=True)),
        "chance": 1 / len(one.classes),
        "images": len(one.truth),
    }


def _areas(one: Decided, model: str, rounds: int, seed: int) -> Floats:
    rng, count = np.random.default_rng(seed), len(one.truth)
    parts = [aurocs(one.truth, one.probability[model], np.ones((1, count)))]
    for begin in range(0, rounds, CHUNK):
        size = min(CHUNK, rounds - begin)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)
        parts.append(aurocs(one.truth, one.probability[model], weights))
    return np.concatenate(parts)


def _by_set(sets: Mapping[str, Decided], key: Callable[[str], str]) -> dict[str, dict[str, Ints]]:
    parts: dict[str, dict[str, Ints]] = {}
    for name, one in sets.items():
        parts.setdefault(key(name), {})[name] = np.arange(len(one.truth))
    return parts


def _by_institution(sets: Mapping[str, Decided]) -> dict[str, dict[str, Ints]]:
    parts: dict[str, dict[str, Ints]] = {}
    for name, one in sets.items():
        for place in sorted(set(one.institution) - {""}):
            parts.setdefault(place, {})[name] = np.flatnonzero(one.institution == place)
    return parts


def decisions(one: Decided, model: str) -> Sequence[dict[str, str]]:
    """A row an image: its path, its class and what `model` took it for."""
    names = np.array(one.classes, object)
    columns = (one.paths, names[one.truth], names[one.found[model]])
    return [dict(zip(("image", "actual", "predicted"), row, strict=True)) for row in zip(*columns, strict=True)]
