"""Few-shot, nearest neighbours and calibration against other implementations."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import normalize

from stages.common.scores import calibration_error, odds_of
from stages.evaluation.few_shot import few_shot, simple_shot, summaries
from stages.evaluation.sets import Labelled


def world(count=300, noise=0.8, sides=True, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 4, count)
    text = normalize(rng.normal(size=(4, 12)))
    image = normalize(text[label] + noise * rng.normal(size=(count, 12)) + 0.7).astype(np.float32)
    split = np.where(np.arange(count) < 200, "train", "test") if sides else ""
    table = pd.DataFrame({"path": [f"{n}.png" for n in range(count)], "label": label, "split": split})
    return Labelled(image, text.astype(np.float32), table.assign(institution=""))


def scored(one, chosen, metric, seed):
    return summaries({"s": few_shot({"start": one}, chosen, metric, seed)}, {})["start"]["s"]


def params(**changes):
    return SimpleNamespace(**{"shots": [1, 4, 16], "shot_draws": 60, "neighbours": 7, **changes})


def test_simple_shot_is_the_nearest_centroid_of_centred_unit_vectors():
    one = world()
    train, test = one.rows_of("train")[:40], one.rows_of("test")
    centre = one.image[train].mean(0)
    theirs = NearestCentroid().fit(normalize(one.image[train] - centre), one.label[train])
    mine = simple_shot(one.image[train], one.label[train], one.image[test])
    assert (mine == theirs.predict(normalize(one.image[test] - centre))).mean() > 0.99  # float32 ties apart


def test_more_shots_score_higher_with_less_spread_and_all_of_them_like_a_single_draw():
    found = scored(world(), params(shots=[1, 4, 16, 10**6]), "balanced_accuracy", 0)["simple_shot"]
    means = [found[key]["mean"] for key in ("1", "4", "16")]
    assert means == sorted(means)
    assert means[0] > 0.25, "better than chance"
    widths = [found[key]["high"] - found[key]["low"] for key in ("1", "16", "1000000")]
    assert widths[0] > widths[1] > widths[2] == 0


def test_shots_are_as_many_of_each_class_from_the_training_side(monkeypatch):
    seen = []

    def spy(train, label, test):
        seen.append((len(train), np.unique(label, return_counts=True)[1].tolist(), len(test)))
        return np.zeros(len(test), int)

    monkeypatch.setattr("stages.evaluation.few_shot.simple_shot", spy)
    found = scored(world(), params(shots=[5], shot_draws=3), "balanced_accuracy", 0)
    assert seen == [(20, [5] * 4, 100)] * 3
    assert found["simple_shot"]["5"]["mean"] == pytest.approx(0.25)


def test_neighbours_vote_as_counted_by_hand():
    one = world()
    train, test = one.rows_of("train"), one.rows_of("test")
    near = np.argsort(-(one.image[test] @ one.image[train].T), axis=1, kind="stable")
    for k in (1, 7):
        found = scored(one, params(neighbours=k), "balanced_accuracy", 0)["knn"]
        votes = [np.bincount(one.label[train][row[:k]], minlength=4).argmax() for row in near]
        assert found[str(k)]["mean"] == pytest.approx(balanced_accuracy_score(one.label[test], votes), abs=0.02)


def test_a_set_without_sides_is_halved_the_same_way_each_time():
    one = world(sides=False)
    first, again = (scored(one, params(), "accuracy", 3) for _ in range(2))
    assert first == again != scored(one, params(), "accuracy", 4)


@pytest.mark.parametrize(("classes", "scale"), [(2, 3.0), (4, 8.0), (4, 100.0)])
def test_the_calibration_error_is_torchmetrics(classes, scale):
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    rng = np.random.default_rng(classes)
    probability = odds_of(rng.normal(size=(500, classes)).astype(np.float32) / 3, scale)
    truth = rng.integers(0, classes, 500)
    sides = torch.from_numpy(probability), torch.from_numpy(truth)
    theirs = float(multiclass_calibration_error(*sides, classes, n_bins=15, norm="l1"))
    assert calibration_error(truth, probability) == pytest.approx(theirs, abs=1e-6)


def test_a_model_that_is_as_sure_as_it_is_right_is_calibrated():
    truth = np.array([0] * 80 + [1] * 20)
    assert calibration_error(truth, np.tile([0.8, 0.2], (100, 1))) == pytest.approx(0)
    assert calibration_error(truth, np.tile([1.0, 0.0], (100, 1))) == pytest.approx(0.2)
    assert calibration_error(truth, np.ones((100, 1))) == pytest.approx(0.2)
