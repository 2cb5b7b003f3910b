"""Linear probe: logistic regression on frozen image embeddings (paper section 10d)."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.common.data.arrays import Floats, Ints
from stages.common.scores import SCORES, images_behind
from stages.common.stats import Estimate, PairedBootstrap, difference, estimate, mean_of
from stages.evaluation.params import Params
from stages.evaluation.parts import by_value, rows_of_institutions
from stages.evaluation.sets import Labelled
from stages.evaluation.splits import Sides, divide, draw, folds, why_unmeasured

log = logging.getLogger(__name__)

HALVINGS = 3  # of the steps between the strengths that are tried first
ALONE = 5000  # images from which a fit is worth several threads
COPIED = 0.05  # share of test images with a near copy to learn from that is worth a warning


@dataclass(frozen=True)
class Probe:
    """What one model's probes with one share of the labels score: the mean over draws of the labels, with its interval,
    the score of each draw, the inverse regularisation strength chosen for each, and the mean on the test images of each
    institution."""

    score: Estimate
    draws: list[float]
    strengths: list[float]
    institutions: dict[str, Estimate]

    def metrics(self) -> dict[str, Any]:
        """Metrics mean with its interval, draws, c (geometric mean) and, of several draws, std."""
        facts = {**self.score.metrics("mean"), "draws": len(self.draws)}
        facts["c"] = float(np.exp(np.mean(np.log(self.strengths))))
        return facts | ({"std": float(np.std(self.draws))} if len(self.draws) > 1 else {})


Probes = dict[str, dict[str, Probe]]  # model, fraction


def linear_probe(
    sets: Mapping[str, Probes], copied: Mapping[str, float], sub_pathology: Mapping[str, str]
) -> dict[str, Any]:
    """Return per model {set: {fraction: scores}, mean: {fraction: scores}}, the means of each sub-pathology and each
    institution, and `difference` to the first model, paired by test image and draw. `near_copies` is the share of test
    images of each set that have a near copy to learn from; `sub_pathology` is of each set."""
    models = list(next(iter(sets.values()), {}))
    metrics: dict[str, Any] = {
        model: {name: {f: probe.metrics() for f, probe in probes[model].items()} for name, probes in sets.items()}
        for model in models
    }
    measured = {name: probes for name, probes in sets.items() if probes[models[0]]}
    of_sets = by_value(measured, lambda name: [sub_pathology.get(name, "")])
    of_images = by_value(measured, lambda name: next(iter(measured[name][models[0]].values())).institutions)
    for model in models:
        own = metrics[model]
        own["mean"] = _means([_scores(probes[model]) for probes in measured.values()])
        for value, names in of_sets.items():
            own.setdefault("sub_pathology", {})[value] = _means([_scores(measured[name][model]) for name in names])
        for place, names in of_images.items():
            parts = [{f: probe.institutions[place] for f, probe in measured[name][model].items()} for name in names]
            own.setdefault("institution", {})[place] = _means(parts)
    for model in models[1:]:
        apart = {
            name: {f: difference(probes[model][f].score, probes[models[0]][f].score) for f in probes[model]}
            for name, probes in sets.items()
        }
        by_set = {name: {f: one.metrics("mean") for f, one in own.items()} for name, own in apart.items()}
        by_set["mean"] = _means([apart[name] for name in measured])
        metrics.setdefault("difference", {})[model] = by_set
    return metrics | {"near_copies": dict(copied)}


def _scores(probes: Mapping[str, Probe]) -> dict[str, Estimate]:
    return {f: probe.score for f, probe in probes.items()}


def _means(sets: Sequence[Mapping[str, Estimate]]) -> dict[str, dict[str, float | None]]:
    """The mean over sets for each fraction."""
    fractions = list(sets[0]) if sets else []
    return {f: mean_of([own[f] for own in sets], [1] * len(sets)).metrics("mean") for f in fractions}


def probe_set(
    name: str, models: Mapping[str, Labelled], params: Params, metric: str, seed: int
) -> tuple[Probes, float]:
    """Return the probes of every model on one set, by fraction of the labels, and the share of its test images that
    have a near copy to learn from. Without images to learn from or to test on there are none.

    Small fractions are few-shot, but there is no fixed number of images per class. All models learn from the same
    `probe_seeds` draws of images; where all labels are used, there is one. `metric` is the protocol's.
    """
    from threadpoolctl import threadpool_limits

    first = next(iter(models.values()))
    sides = divide(first, seed)
    if why := why_unmeasured(sides, first.label):
        log.warning(f"evalset {name}: no linear probe: {why}")
        return {model: {} for model in models}, 0.0
    if sides.copied > COPIED:
        log.warning(
            f"evalset {name}: {sides.copied:.0%} of the test images have a near copy among those that a linear probe "
            "learns from: name the patient, slide or original of each image (`group` in the protocol)"
        )
    if sides.group is not None and (known := np.isin(sides.group[sides.test], sides.group[sides.train])).any():
        log.warning(f"evalset {name}: {known.mean():.0%} of the test images are of groups that are learned from, too")
    probes: Probes = {model: {} for model in models}
    for fraction in params.probe_fractions:
        with threadpool_limits(1 if len(sides.train) < ALONE else None):  # threads would wait for each other
            found = _probes(models, sides, fraction, params, metric, seed)
        for model, probe in found.items():
            probes[model][f"{fraction:g}"] = probe
            ends = [min(params.probe_c), max(params.probe_c)]
            if ends[0] < ends[1] and np.isclose(ends, np.array(probe.strengths)[:, None]).any():
                log.warning(
                    f"evalset {name}, model {model}, {fraction:g} of the labels: an end of evaluation.probe_c was "
                    "chosen: widen it"
                )
    return probes, sides.copied


def _probes(
    models: Mapping[str, Labelled], sides: Sides, fraction: float, params: Params, metric: str, seed: int
) -> dict[str, Probe]:
    first = next(iter(models.values()))
    label = first.label
    count = params.probe_seeds if fraction < 1 else 1
    found: dict[str, list[Ints]] = {model: [] for model in models}
    strengths: dict[str, list[float]] = {model: [] for model in models}
    for n in range(count):
        picked = draw(sides.train, label, fraction, np.random.default_rng(seed + n))
        pairs = folds(picked, sides, label, seed + n)
        for model, evalset in models.items():
            best = choose(evalset, pairs, params.probe_c, metric)
            strengths[model].append(best)
            found[model].append(_predict(evalset, picked, sides.test, best))
    truth, classes = label[sides.test], len(first.text)
    group = None if sides.group is None else sides.group[sides.test]
    measure = functools.partial(_resampled, classes=classes, rounds=params.bootstrap, metric=metric, seed=seed)
    scores = measure(truth, found, group)
    parts: dict[str, dict[str, Estimate]] = {model: {} for model in models}
    for place, rows in rows_of_institutions(first.table.institution.to_numpy(object)[sides.test]).items():
        own = {model: [predicted[rows] for predicted in draws] for model, draws in found.items()}
        for model, (score, _) in measure(truth[rows], own, None if group is None else group[rows]).items():
            parts[model][place] = score
    return {model: Probe(*scores[model], strengths[model], parts[model]) for model in models}


def choose(evalset: Labelled, pairs: Sequence[tuple[Ints, Ints]], strengths: Sequence[float], metric: str) -> float:
    """The inverse regularisation strength whose fits on the first of each pair score best on the second: `strengths`
    are tried first, then steps between the best one and its neighbours.

    Where nothing can be chosen it is dimensions x classes / 100 (the rule of UNI and CONCH); of those that are within
    one image of the best, it is the one nearest to that: on a plateau, the first of the best is an accident of folds.
    """
    usual = float(np.log10(evalset.image.shape[1] * len(evalset.text) / 100))
    if not pairs:
        return 10**usual if len(strengths) > 1 else strengths[0]
    scores: dict[float, float] = {}
    one_image = 1.001 / sum(len(check) for _, check in pairs)

    def best_of(exponents: Sequence[float]) -> float:
        for exponent in sorted(set(exponents) - set(scores)):
            scores[exponent] = _validated(evalset, pairs, 10**exponent, metric)
        good = [exponent for exponent, score in scores.items() if score >= max(scores.values()) - one_image]
        return min(good, key=lambda exponent: abs(exponent - usual))

    grid = sorted(np.log10(strengths).tolist())
    best = best_of(grid)
    for halving in range(1, HALVINGS + 1):
        steps = np.interp(best, grid, range(len(grid))) + np.array([-1, 1]) / 2**halving
        inside = steps[(steps >= 0) & (steps <= len(grid) - 1)]
        best = best_of(np.interp(inside, range(len(grid)), grid).round(6).tolist())
    return float(10**best)


def _validated(evalset: Labelled, pairs: Sequence[tuple[Ints, Ints]], strength: float, metric: str) -> float:
    predicted = [_predict(evalset, fit, check, strength) for fit, check in pairs]
    truth = evalset.label[np.concatenate([check for _, check in pairs])]
    return float(SCORES[metric](_confusion(truth, np.concatenate(predicted), len(evalset.text))))


def _predict(evalset: Labelled, fit: Ints, rows: Ints, strength: float) -> Ints:
    from sklearn.linear_model import LogisticRegression

    # The intercept is not regularised, so this changes no optimum; but it is found in fewer steps.
    middle = evalset.image[fit].mean(0)
    model = LogisticRegression(C=strength, max_iter=1000)
    model.fit(evalset.image[fit] - middle, evalset.label[fit])
    predicted: Ints = model.predict(evalset.image[rows] - middle)
    return predicted


def _confusion(truth: Ints, predicted: Ints, classes: int) -> Floats:
    counts = np.zeros((classes, classes))
    np.add.at(counts, (truth, predicted), 1)
    return counts


def _resampled(
    truth: Ints,
    found: Mapping[str, Sequence[Ints]],
    group: Ints | None,
    classes: int,
    rounds: int,
    metric: str,
    seed: int,
) -> dict[str, tuple[Estimate, list[float]]]:
    """The mean score over draws of each model, and that of each draw. Rounds resample test images, or their groups, and
    draws, the same for all models."""
    rng = np.random.default_rng(seed)
    result = {}
    count = len(next(iter(found.values())))
    chosen = np.vstack([np.arange(count), rng.integers(count, size=(rounds, count))])
    columns = [predicted for draws in found.values() for predicted in draws]
    drawn = PairedBootstrap([truth, *columns], rounds, seed, group)
    score: Callable[[Floats], Floats] = SCORES[metric]
    for number, model in enumerate(found):
        counts = [drawn.confusions(0, 1 + number * count + n, classes) for n in range(count)]
        values = np.stack([score(one) for one in counts], 1)
        mean = np.take_along_axis(values, chosen, 1).mean(1)
        images = images_behind(metric, counts[0][0])
        result[model] = (estimate(mean, images, drawn.groups), values[0].tolist())
    return result
