"""Metrics against references that are computed another way."""

import numpy as np
import pytest
from conftest import ROOT
from sklearn.metrics import balanced_accuracy_score

from stages.common.errors import StageError
from stages.common.files import read_json
from stages.evaluation.__main__ import make
from stages.evaluation.linear_probe import linear_probe
from stages.evaluation.load import TEST, TRAIN, UNSPLIT, load_set
from stages.evaluation.retrieval import retrieval
from stages.evaluation.zero_shot import confusion, mean_over_sets, zero_shot


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    text = unit(rng.normal(size=(3, 16)))
    label = rng.integers(0, 3, 240)
    image = unit(text[label] + rng.normal(size=(240, 16)) * 0.35)
    split = np.where(np.arange(240) < 120, TRAIN, TEST)
    return {"image": image, "text": text, "label": label, "split": split}


def test_zero_shot_counts_test_images_only(arrays, params):
    found = zero_shot(arrays, params("evaluation", bootstrap=300), seed=0)
    nearest = np.array([max(range(3), key=lambda c: float(v @ arrays["text"][c])) for v in arrays["image"][120:]])
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(arrays["label"][120:], nearest))
    assert found["images"] == 120
    assert found["chance"] == pytest.approx(1 / 3)
    assert found["balanced_accuracy_low"] < found["balanced_accuracy"] < found["balanced_accuracy_high"]


def test_the_mean_over_sets_is_the_mean_and_its_interval_is_narrower(arrays, params):
    block = params("evaluation", bootstrap=300)
    other = arrays | {"label": np.roll(arrays["label"], 1)}
    single = [zero_shot(one, block, 0) for one in (arrays, other)]
    found = mean_over_sets({"a": arrays, "b": other}, block, seed=0)
    assert found["balanced_accuracy"] == pytest.approx(np.mean([one["balanced_accuracy"] for one in single]))
    widths = [one["balanced_accuracy_high"] - one["balanced_accuracy_low"] for one in single]
    assert found["balanced_accuracy_high"] - found["balanced_accuracy_low"] < max(widths)


def test_confusion_has_a_row_per_test_image(arrays):
    rows = confusion(arrays, ["a", "b", "c"])
    assert len(rows) == 120
    assert {name for pair in rows for name in pair} == {"a", "b", "c"}


def test_probe_beats_chance_repeats_and_splits_what_has_no_split(arrays, params):
    block = params("evaluation", probe_fractions=[0.1, 1.0], probe_seeds=2)
    found = linear_probe(arrays, block, seed=0)
    assert found == linear_probe(arrays, block, seed=0)
    assert found["1"]["mean"] >= found["0.1"]["mean"] > 0.5
    assert linear_probe(arrays | {"split": np.full(240, UNSPLIT)}, block, seed=0)["1"]["mean"] > 0.8


def test_probe_cannot_learn_from_noise(arrays, params):
    noise = arrays | {"image": unit(np.random.default_rng(1).normal(size=(240, 16)))}
    assert linear_probe(noise, params("evaluation"), seed=0)["1"]["mean"] < 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_recall_is_that_of_a_plain_sort(seed):
    rng = np.random.default_rng(seed)
    image, text = unit(rng.normal(size=(20, 8))), unit(rng.normal(size=(30, 8)))
    matches = np.unique(np.stack([rng.integers(0, 20, 45), rng.integers(0, 30, 45)], 1), axis=0)
    found = retrieval(image, text, matches, [1, 5, 50])
    own = {i: {int(t) for a, t in matches if a == i} for i in {int(a) for a, _ in matches}}
    for k in (1, 5, 50):
        hits = [bool(own[i] & set(np.argsort(-(image[i] @ text.T))[:k].tolist())) for i in own]
        assert found["image_to_text"][f"r{k}"] == pytest.approx(np.mean(hits))
    assert found["text_to_image"]["r50"] == 1
    assert found["image_to_text"]["queries"] == len(own)


def test_ties_count_against_the_query():
    same = unit(np.ones((3, 4)))
    found = retrieval(same, same, np.array([[0, 0], [1, 1], [2, 2]]), [1, 3])
    assert found["image_to_text"]["r1"] == 0
    assert found["image_to_text"]["r3"] == 1


def test_missing_embeddings_say_what_to_run(tmp_path):
    with pytest.raises(StageError, match="dvc repro embeddings"):
        load_set(tmp_path, "tuned", "nct_crc")


def test_a_dataset_without_a_test_split_measures_no_retrieval(tmp_path, params, base, monkeypatch):
    block = params("evaluation", protocol=str(ROOT / params("evaluation").protocol))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StageError, match="held_out.safetensors not found: run `dvc repro embeddings`"):
        make(block, base, "retrieval")
    (tmp_path / "data/embeddings/start").mkdir(parents=True)
    assert make(block, base, "retrieval")["sets"] == 0
    assert read_json(tmp_path / "reports/metrics/retrieval.json") == {"start": {}, "tuned": {}}
