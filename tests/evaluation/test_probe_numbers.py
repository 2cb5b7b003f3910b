"""The linear probe on worlds whose right answer is known, and against a pipeline of scikit-learn's own."""

import logging
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from stages.evaluation.few_shot import few_shot
from stages.evaluation.linear_probe import choose, linear_probe, probe_set
from stages.evaluation.sets import Labelled
from stages.evaluation.splits import divide, near_copies


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def evalset(image, label, split="", **columns):
    table = pd.DataFrame({"path": [f"{n}.png" for n in range(len(label))], "label": label, "split": split} | columns)
    return Labelled(image, unit(np.eye(label.max() + 1, image.shape[1]) + 1e-3), table.assign(institution=""))


def spread(cosine, count=900, classes=6, size=96, seed=0):
    """Unit vectors of `classes` around one direction, as a model's are; the closer, the larger `cosine`."""
    rng = np.random.default_rng(seed)
    centre, means = unit(rng.normal(size=(1, size))), rng.normal(size=(classes, size)) * 0.3
    label = rng.integers(0, classes, count)
    own = (rng.normal(size=(count, size)) + means[label]) / np.sqrt(1 + np.arange(size))
    own *= np.sqrt((1 - cosine) / cosine) / np.linalg.norm(own, axis=1).mean()
    return unit(centre + own), label


def originals(noise=0.25, count=36, copies=12, size=128, seed=0):
    """Copies of originals without anything of a class in them."""
    rng = np.random.default_rng(seed)
    base = np.repeat(rng.normal(size=(count, size)), copies, 0)
    image = unit(base + noise * rng.normal(size=base.shape))
    return image, np.repeat(np.arange(3), count // 3 * copies), np.repeat(np.arange(count), copies)


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture
def probed(stage_params):
    def run(models, metric="accuracy", **changes):
        params = stage_params("evaluation", **{"bootstrap": 200, "probe_seeds": 3, **changes})
        return probe_set("s", models if isinstance(models, dict) else {"start": models}, params, metric, 0)

    return run


@pytest.mark.parametrize("cosine", [0.3, 0.9])
def test_what_a_probe_scores_does_not_depend_on_how_spread_vectors_are(probed, cosine):
    image, label = spread(cosine)
    sides = np.resize(["train", "test"], len(label))
    probes, _ = probed(evalset(image, label, sides), probe_fractions=[0.1, 1.0])
    train, test = (np.flatnonzero(sides == side) for side in ("train", "test"))

    def best(rows):
        fits = (LogisticRegression(C=c, max_iter=2000).fit(image[rows], label[rows]) for c in (1, 10, 100, 1000))
        return max(fit.score(image[test], label[test]) for fit in fits)

    assert probes["start"]["1"].score.value > best(train) - 0.02
    tenths = [best(train[begin : begin + 45]) for begin in (0, 45, 90)]
    assert probes["start"]["0.1"].score.value > np.mean(tenths) - 0.06


def test_one_image_a_class_takes_the_rule_of_dimensions_and_classes(probed):
    image, label = spread(0.5)
    sides = np.resize(["train", "test"], len(label))
    probes, _ = probed(evalset(image, label, sides), probe_fractions=[0.001])
    assert probes["start"]["0.001"].strengths == pytest.approx([96 * 6 / 100] * 3)


def test_the_strength_is_searched_between_those_given_and_ends_are_told(probed, caplog):
    image, label = spread(0.9, 600)
    one = evalset(image, label, np.resize(["train", "validation", "test"], 600))
    train, check = one.rows_of("train"), one.rows_of("validation")
    by_hand = {
        c: LogisticRegression(C=c, max_iter=5000).fit(image[train], label[train]).score(image[check], label[check])
        for c in 10.0 ** np.arange(-2, 4.1, 0.5)
    }
    chosen = choose(one, [(train, check)], [0.01, 1, 100, 10000], "accuracy")
    assert min(by_hand, key=lambda c: abs(np.log(c / chosen))) in [
        c for c, score in by_hand.items() if score >= max(by_hand.values()) - 0.015
    ]
    with caplog.at_level(logging.WARNING):
        probed(one, probe_c=[1e-6, 1e-4], probe_fractions=[1.0])
    assert "an end of evaluation.probe_c was chosen: widen it" in caplog.text


@pytest.mark.parametrize("known", [True, False])
def test_copies_of_an_original_are_on_one_side(probed, known):
    image, label, original = originals()
    groups = {"group": [f"case {n}" for n in original]} if known else {}
    one = evalset(image, label, **groups)
    sides = divide(one, 0)
    assert not set(original[sides.train]) & set(original[sides.test])
    probes, copied = probed(one, probe_fractions=[1.0])
    assert copied == 0
    score = probes["start"]["1"].score
    assert score.value < 0.55
    assert score.low < 1 / 3 < score.high
    assert score.high - score.low > 0.2, "18 originals, not 216 images"


@pytest.mark.parametrize("noise", [0.45, 0.6, 0.8])
def test_copies_that_a_model_finds_less_alike_are_on_one_side(noise):
    image, label, original = originals(noise)
    sides = divide(evalset(image, label), 0)
    assert not set(original[sides.train]) & set(original[sides.test])
    across = divide(evalset(image, label, np.resize(["train", "test"], len(label))), 0)
    assert across.copied > 0.9


def test_kinds_of_tissue_are_no_copies():
    """Four kinds in each class, whose images are far more alike than others."""
    rng = np.random.default_rng(0)
    kind = np.repeat(np.arange(12), 40)
    image = unit(1.5 * rng.normal(size=(12, 128))[kind] + rng.normal(size=(480, 128)))
    assert divide(evalset(image, kind // 4), 0).group is None


@pytest.mark.parametrize("noise", [0.25, 0.6])
def test_official_sides_with_copies_across_are_told(probed, caplog, noise):
    image, label, _ = originals(noise)
    one = evalset(image, label, np.resize(["train", "test"], len(label)))
    with caplog.at_level(logging.WARNING):
        probes, copied = probed(one, probe_fractions=[1.0])
    assert copied == 1
    assert "100% of the test images have a near copy" in caplog.text
    assert linear_probe({"s": probes}, {"s": copied}, {"s": "skin"})["near_copies"] == {"s": 1}


def test_official_sides_that_share_patients_are_told(probed, caplog):
    image, label = spread(0.5, 120)
    patients = [f"case {n // 4}" for n in range(120)]
    for split, told in ((np.resize(["train", "test"], 120), True), (np.repeat(["train", "test"], 60), False)):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            probed(evalset(image, label, split, group=patients), probe_fractions=[1.0], probe_c=[1.0])
        assert ("100% of the test images are of groups that are learned from" in caplog.text) == told


def test_classes_that_lie_close_together_are_no_copies():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 300)
    image = unit(np.eye(3, 64)[label] * 5 + 0.3 * rng.normal(size=(300, 64)))
    assert (image @ image.T)[label[:, None] == label].min() > 0.5
    rest = image - np.stack([image[label == c].mean(0) for c in range(3)])[label]
    assert near_copies(unit(rest)) is None


def test_groups_are_kept_together_while_strengths_are_chosen(probed, monkeypatch):
    image, label, original = originals()
    one = evalset(image, label, np.where(original % 2, "train", "test"), group=[str(n) for n in original])
    pairs = []

    def spy(evalset, found, *rest):
        pairs.extend(found)
        return 1.0

    monkeypatch.setattr("stages.evaluation.linear_probe.choose", spy)
    probed(one, probe_fractions=[1.0])
    assert len(pairs) == 4
    assert all(not set(original[fit]) & set(original[check]) for fit, check in pairs)


def test_one_group_of_a_class_leaves_nothing_to_measure(probed, caplog):
    image, label, _ = originals()
    with caplog.at_level(logging.WARNING):
        probes, copied = probed(evalset(image, label, group=[f"g{n}" for n in label]))
    assert probes == {"start": {}}
    assert "a class has a single image, or group of images" in caplog.text
    metrics = linear_probe({"s": probes}, {"s": copied}, {"s": "skin"})
    assert metrics["start"] == {"s": {}, "mean": {}}


@pytest.mark.parametrize(
    ("label", "split", "why"),
    [
        ([0, 0, 0, 0, 1], "", "a class has a single image"),
        ([0, 0, 0, 1, 1], ["train", "train", "test", "test", "test"], "fewer than two classes"),
        ([0, 0, 0, 1, 1], "train", "no image is on the side that is tested on"),
        ([0, 0, 0, 0, 0], "", "fewer than two classes"),
    ],
)
def test_what_cannot_be_learned_or_tested_has_no_score(probed, caplog, label, split, why):
    one = evalset(unit(np.random.default_rng(0).normal(size=(5, 64))), np.array(label), split)
    with caplog.at_level(logging.WARNING):
        assert probed(one)[0] == {"start": {}}
    assert f"evalset s: no linear probe: {why}" in caplog.text
    few = SimpleNamespace(shots=[1], shot_draws=2, neighbours=3)
    assert few_shot({"start": one}, few, "accuracy", 0) == {"start": {}}


def test_all_labels_are_one_draw_without_a_deviation(probed):
    image, label = spread(0.5, 400)
    one = evalset(image, label, np.resize(["train", "validation", "test"], 400))
    probes, _ = probed(one, probe_fractions=[0.1, 1.0])
    whole, tenth = probes["start"]["1"].metrics(), probes["start"]["0.1"].metrics()
    assert (whole["draws"], tenth["draws"]) == (1, 3)
    assert "std" not in whole
    assert tenth["std"] > 0
    assert whole["mean_low"] < whole["mean"] < whole["mean_high"]


def test_differences_of_models_are_paired(probed):
    image, label = spread(0.5, 600)
    noisy = unit(image + 0.05 * np.random.default_rng(1).normal(size=image.shape))
    sides = np.resize(["train", "test"], 600)
    models = {"start": evalset(noisy, label, sides), "tuned": evalset(image, label, sides)}
    probes, copied = probed(models, probe_fractions=[1.0])
    metrics = linear_probe({"s": probes}, {"s": copied}, {"s": "skin"})
    own = {model: metrics[model]["s"]["1"] for model in models}
    apart = metrics["difference"]["tuned"]["s"]["1"]
    assert apart["mean"] == pytest.approx(own["tuned"]["mean"] - own["start"]["mean"])
    widths = [one["mean_high"] - one["mean_low"] for one in own.values()]
    assert apart["mean_high"] - apart["mean_low"] < np.hypot(*widths)
    assert metrics["difference"]["tuned"]["mean"]["1"] == pytest.approx(apart)
