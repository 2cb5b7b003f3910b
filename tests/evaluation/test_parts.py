"""Scores of an institution and of a sub-pathology are those of its images and sets alone, for every task."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from stages.evaluation.few_shot import few_shot, summaries
from stages.evaluation.linear_probe import choose, linear_probe, probe_set
from stages.evaluation.retrieval import retrieval
from stages.evaluation.sets import Labelled, Paired


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def world(seed=0, count=240, noise=0.9, places=("north", "south", "")):
    """A set with official sides whose images come from several institutions, one of them harder."""
    rng = np.random.default_rng(seed)
    label, place = np.arange(count) % 3, np.array(places, object)[np.arange(count) // 2 % len(places)]
    hard = np.where(place == "south", 1.6, noise)[:, None]
    image = unit(np.eye(3, 10)[label] * 3 + hard * rng.normal(size=(count, 10)))
    split = np.resize(["train"] * 2 + ["test"], count // 3 * 3)
    table = pd.DataFrame({"path": [f"{n}.png" for n in range(count)], "label": label, "institution": place})
    return Labelled(image, unit(np.eye(3, 10) + 1e-3), table.assign(split=split[rng.permutation(count)]))


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def test_a_probe_is_scored_on_each_institution(stage_params):
    sets = {"one": world(0), "two": world(1, places=("south",))}
    params = stage_params("evaluation", bootstrap=200, probe_fractions=[1.0], probe_c=[1.0])
    probes = {name: probe_set(name, {"start": one}, params, "accuracy", 0)[0] for name, one in sets.items()}
    by_hand = {}
    for name, one in sets.items():
        train, test = one.rows_of("train"), one.rows_of("test")
        found = LogisticRegression(max_iter=1000).fit(one.image[train], one.label[train]).predict(one.image[test])
        for place in ("north", "south"):
            rows = (one.table.institution.to_numpy() == place)[test]
            if rows.any():
                by_hand[name, place] = accuracy_score(one.label[test][rows], found[rows])
    metrics = linear_probe(probes, dict.fromkeys(sets, 0.0), {"one": "skin", "two": "lung"})["start"]
    assert list(metrics["institution"]) == ["north", "south"], "an unknown institution is none"
    assert metrics["institution"]["north"]["1"]["mean"] == pytest.approx(by_hand["one", "north"])
    south = np.mean([by_hand["one", "south"], by_hand["two", "south"]])
    assert metrics["institution"]["south"]["1"]["mean"] == pytest.approx(south)
    assert {value: own["1"]["mean"] for value, own in metrics["sub_pathology"].items()} == {
        "lung": metrics["two"]["1"]["mean"],
        "skin": metrics["one"]["1"]["mean"],
    }
    widths = [own["1"]["mean_high"] - own["1"]["mean_low"] for own in (metrics["institution"]["north"], metrics["one"])]
    assert widths[0] > widths[1], "fewer images"


def test_few_shot_by_institution_and_sub_pathology_with_paired_differences(stage_params):
    easy, hard = world(0), world(0, noise=1.5)
    params = stage_params("evaluation", shots=[4], shot_draws=20, neighbours=5)
    found = few_shot({"start": hard, "tuned": easy}, params, "accuracy", 0)
    metrics = summaries({"one": found, "two": found}, {"one": "skin", "two": "skin"})
    train, test = easy.rows_of("train"), easy.rows_of("test")
    votes = KNeighborsClassifier(5).fit(easy.image[train], easy.label[train]).predict(easy.image[test])
    rows = (easy.table.institution.to_numpy() == "south")[test]
    own = metrics["tuned"]["institution"]["south"]
    assert own["knn"]["5"] == {"mean": pytest.approx(accuracy_score(easy.label[test][rows], votes[rows]))}
    assert list(metrics["tuned"]["institution"]) == ["north", "south"]
    assert metrics["tuned"]["sub_pathology"]["skin"] == metrics["tuned"]["mean"] == metrics["tuned"]["one"]
    apart = metrics["difference"]["tuned"]["one"]["simple_shot"]["4"]
    scores = [metrics[model]["one"]["simple_shot"]["4"] for model in ("tuned", "start")]
    assert apart["mean"] == pytest.approx(scores[0]["mean"] - scores[1]["mean"])
    draws = found["tuned"][""]["simple_shot", "4"] - found["start"][""]["simple_shot", "4"]
    assert [apart["low"], apart["high"]] == pytest.approx(np.percentile(draws, [2.5, 97.5]))


def test_few_shot_of_a_set_with_nothing_to_learn_from_has_no_score(stage_params, tmp_path):
    one = world()
    alone = Labelled(one.image, one.text, one.table.assign(split="", group=one.label.astype(str)))
    found = few_shot({"start": alone}, stage_params("evaluation"), "accuracy", 0)
    assert found == {"start": {}}
    assert summaries({"s": found}, {}) == {"start": {}}


def test_recall_of_an_institution_is_that_of_its_queries():
    rng = np.random.default_rng(3)
    image = unit(rng.normal(size=(60, 8)))
    text = unit(image + 0.5 * rng.normal(size=image.shape))
    place = np.array(["pubmed", "openpath", ""], object)[np.arange(60) % 3]
    found = retrieval({"m": Paired(image, text, np.stack([np.arange(60)] * 2, 1), None, place)}, [1, 5], 100, 0)
    assert list(found["institution"]) == ["openpath", "pubmed"]
    for way, scores in (("image_to_text", image @ text.T), ("text_to_image", text @ image.T)):
        rank = (scores > np.diag(scores)[:, None]).sum(1)
        for name in ("pubmed", "openpath"):
            own = found["institution"][name]["m"][way]
            assert own["queries"] == 20
            assert own["r1"] == pytest.approx((rank[place == name] < 1).mean())
            assert own["r5"] == pytest.approx((rank[place == name] < 5).mean())
            assert own["r1_low"] <= own["r1"] <= own["r1_high"]


@pytest.mark.parametrize("seed", range(3))
def test_the_strength_is_as_good_as_that_of_a_grid_search_with_the_same_rule_for_ties(seed):
    one, rows, test = world(seed, 300, noise=1.4), np.arange(150), np.arange(150, 300)
    folds = list(StratifiedGroupKFold(4, shuffle=True, random_state=0).split(rows, one.label[rows], rows // 2))
    grid, rule = np.logspace(-4, 4, 33), 10 * 3 / 100

    def nearest(results):
        score = results["mean_test_score"]
        good = np.flatnonzero(score >= score.max() - 1.001 / len(rows))
        return int(good[np.abs(np.log(grid[good] / rule)).argmin()])

    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": grid}, cv=folds, refit=nearest)
    search.fit(one.image[rows], one.label[rows])
    chosen = choose(one, folds, [1e-4, 1e-2, 1, 1e2, 1e4], "accuracy")
    mine = LogisticRegression(C=chosen, max_iter=2000).fit(one.image[rows], one.label[rows])
    validated = search.cv_results_["mean_test_score"]
    assert validated[np.abs(np.log(grid / chosen)).argmin()] >= validated.max() - 2.1 / len(rows)
    tested = [model.score(one.image[test], one.label[test]) for model in (mine, search.best_estimator_)]
    assert tested[0] == pytest.approx(tested[1], abs=1.5 / len(test)), "an image more or less"
