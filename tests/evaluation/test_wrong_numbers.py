"""Numbers that looked right: of equal texts and duplicates, of broken vectors, of one class, of readers."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from sklearn.metrics import roc_auc_score

from stages.common.errors import StageError
from stages.common.evalsets.protocol import Evalset, read_evalset
from stages.common.ranks import ranks_of
from stages.evaluation.readers import compare_readers
from stages.evaluation.retrieval import retrieval
from stages.evaluation.sets import Labelled, Paired, paired
from stages.evaluation.zero_shot import classify, zero_shot

CLASSES = {"A": "one", "B": "two", "C": "three"}


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def labelled(label, image=None, **columns):
    rng = np.random.default_rng(0)
    image = unit(rng.normal(size=(len(label), 8))) if image is None else image
    table = {"path": [f"{n}.png" for n in range(len(label))], "label": label, "split": "test", "institution": ""}
    return Labelled(image, unit(rng.normal(size=(3, 8))), pd.DataFrame(table | columns))


def evalset(**changes):
    return Evalset(loader="table", root="r", sub_pathology="skin", classes=CLASSES, **changes)


# --- retrieval


@pytest.fixture
def bags(tmp_path):
    """Bags of one to three images that share a caption, as the stage embeddings writes them: folder, vectors, bag."""
    rng = np.random.default_rng(0)
    bag = np.repeat(np.arange(80), rng.choice([1, 2, 3], 80))
    caption = unit(rng.normal(size=(80, 16)))
    image = unit(caption[bag] + 0.35 * rng.normal(size=(len(bag), 16)))
    (tmp_path / "sets").mkdir()
    (tmp_path / "m").mkdir()
    table = {"path": [f"{n:03d}.png" for n in range(len(bag))], "text": [f"caption {b:03d}" for b in bag]}
    pd.DataFrame(table | {"label": -1, "split": "", "institution": "", "group": ""}).to_parquet(
        tmp_path / "sets/arch.parquet"
    )
    save_file({"vectors": image}, tmp_path / "m/arch.images.safetensors")
    save_file({"vectors": caption}, tmp_path / "m/arch.texts.safetensors")
    return tmp_path, image, caption, bag


@pytest.mark.parametrize("k", [1, 5, 50])
def test_equal_texts_are_one_or_each_has_its_own_image(bags, k):
    folder, image, caption, bag = bags
    merged, separate = (
        retrieval({"m": paired(folder, "m", "arch", merge)}, [k], 20, 0)["m"] for merge in (True, False)
    )
    near = np.argsort(-(caption @ image.T), kind="stable")[:, :k]
    assert merged["text_to_image"][f"r{k}"] == pytest.approx(np.mean([(bag[near[b]] == b).any() for b in range(80)]))
    assert (merged["text_to_image"]["queries"], separate["text_to_image"]["queries"]) == (80, len(bag))
    assert separate["text_to_image"][f"r{k}"] == pytest.approx(np.mean([n in near[bag[n]] for n in range(len(bag))]))
    # Of a bag's equal texts, each is as likely to come first as the others: the mean over many shuffles.
    rng, hits = np.random.default_rng(1), []
    for _ in range(40):
        order = rng.permutation(len(bag))
        first = order[np.argsort(-(image @ caption[bag[order]].T), axis=1, kind="stable")[:, :k]]
        hits.append(np.mean([n in first[n] for n in range(len(bag))]))
    assert separate["image_to_text"][f"r{k}"] == pytest.approx(np.mean(hits), abs=0.015)


def test_a_model_that_sees_no_difference_finds_by_chance():
    same, pairs = unit(np.ones((60, 4))), np.stack([np.arange(60)] * 2, 1)
    found = retrieval({"m": Paired(same, same, pairs)}, [1, 30, 60], 50, 0)["m"]["text_to_image"]
    assert [found[f"r{k}"] for k in (1, 30, 60)] == pytest.approx([1 / 60, 0.5, 1])
    assert found["median_rank"] == 30.5


def test_ties_with_several_matches_are_the_mean_over_all_orders():
    one = unit(np.ones((1, 4)))
    candidates = np.repeat(one, 5, 0)
    ranks = ranks_of(one, candidates, np.array([[0, 1], [0, 3]]))
    rng = np.random.default_rng(0)
    firsts = np.array([np.sort(rng.permutation(5)[:2])[0] for _ in range(4000)])
    assert ranks.expected[0] == pytest.approx(2)
    assert float(ranks.within(2)[0]) == pytest.approx((firsts < 2).mean(), abs=0.03)


# --- vectors that are not finite


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_no_number(value):
    image = unit(np.random.default_rng(0).normal(size=(6, 8)))
    broken = image.copy()
    broken[2, 3] = value
    pairs = np.stack([np.arange(6)] * 2, 1)
    with pytest.raises(StageError, match="1 vectors of images are not finite, the first at 2"):
        labelled(np.arange(6) % 3, broken)
    with pytest.raises(StageError, match="of classes"):
        Labelled(image, broken, pd.DataFrame({"label": [0] * 6, "split": ""}))
    for sides, name in (((broken, image), "images"), ((image, broken), "texts")):
        with pytest.raises(StageError, match=f"of {name} are not finite"):
            Paired(*sides, pairs)


# --- scores


def measured(predictions, demo_protocol):
    return zero_shot({"s": predictions}, demo_protocol, 200, 0)["start"]["s"]


@pytest.fixture
def demo_protocol():
    from conftest import ROOT

    from stages.common.evalsets.protocol import load_protocol

    demo = load_protocol(str(ROOT / "protocols/demo.yaml"))
    return demo.model_copy(update={"evalsets": {"s": evalset()}})


def test_the_area_of_one_class_is_none(demo_protocol):
    found = measured(classify({"start": labelled([1] * 12)}, evalset()), demo_protocol)
    assert (found["auroc"], found["auroc_low"], found["auroc_high"]) == (None, None, None)
    json.dumps(found, allow_nan=False)
    three = classify({"start": labelled([0, 1, 2] * 30)}, evalset())
    found = measured(three, demo_protocol)
    assert found["auroc"] == pytest.approx(roc_auc_score(three.truth, three.probability["start"], multi_class="ovr"))
    assert found["auroc_low"] < found["auroc"] < found["auroc_high"]


def test_patients_widen_every_interval_of_zero_shot(demo_protocol):
    rng = np.random.default_rng(0)
    label = np.repeat(rng.integers(0, 3, 20), 12)
    text = unit(np.random.default_rng(0).normal(size=(3, 8)))
    patient = np.repeat(rng.normal(size=(20, 8)), 12, 0) * 0.35
    image = unit(text[label] + patient + 0.05 * rng.normal(size=(240, 8)))
    table = {"path": [str(n) for n in range(240)], "label": label, "split": "test", "institution": "here"}
    plain = Labelled(image, text, pd.DataFrame(table | {"group": ""}))
    known = Labelled(image, text, pd.DataFrame(table | {"group": np.repeat([f"p{n}" for n in range(20)], 12)}))
    narrow, wide = (measured(classify({"start": one}, evalset()), demo_protocol) for one in (plain, known))
    for score in ("accuracy", "balanced_accuracy", "weighted_f1", "macro_f1"):
        assert narrow[score] == wide[score]
        widths = [one[f"{score}_high"] - one[f"{score}_low"] for one in (narrow, wide)]
        assert widths[1] > 2 * widths[0]


# --- readers


def readers(tmp_path, rows, label=(0, 1, 2, 1, 0, 2), **keys):
    one = classify({"tuned": labelled(list(label))}, evalset())
    moved = type(one)(**vars(one) | {"paths": np.array([f"{tmp_path.as_posix()}/{p}" for p in one.paths], object)})
    pd.DataFrame(rows, columns=["image", "reader", "label"]).to_csv(tmp_path / "readers.csv", index=False)
    return compare_readers(tmp_path / "readers.csv", moved, evalset(**keys), 100, 0)


def test_a_reader_who_saw_one_class_has_no_kappa(tmp_path):
    found = readers(tmp_path, [("0.png", "ann", "A"), ("4.png", "ann", "A")])
    assert (found["ann"]["accuracy"], found["ann"]["kappa"]) == (1, None)
    json.dumps(found, allow_nan=False)


def test_repeated_rows_of_a_reader_count_once(tmp_path):
    rows = [("0.png", "ann", "A"), ("1.png", "ann", "C"), ("2.png", "ann", "C")]
    again = [rows[1], ("./1.png", "ann", "C"), ("1.png", "bob", "B")]
    once, twice = readers(tmp_path, rows), readers(tmp_path, [*rows, *again])
    assert twice["ann"] == once["ann"]
    assert (once["ann"]["images"], once["ann"]["accuracy"]) == (3, pytest.approx(2 / 3))
    with pytest.raises(StageError, match="row 5: ann labels 1.png as 'B', in row 3 as 'C': keep one"):
        readers(tmp_path, [*rows, ("1.png", "ann", "B")])


def test_readers_write_labels_as_the_files_have_them(tmp_path):
    found = readers(tmp_path, [("0.png", "ann", "A"), ("1.png", "ann", "b"), ("2.png", "ann", "B")], merged={"b": "B"})
    assert found["ann"]["accuracy"] == pytest.approx(2 / 3)


# --- groups of images


def test_groups_come_from_a_column_or_from_names(tmp_path):
    (tmp_path / "r").mkdir()
    rows = [("case7-a.png", "A", "x"), ("case7-b.png", "B", ""), ("other.png", "C", "")]
    for name, *_ in rows:
        (tmp_path / "r" / name).touch()
    pd.DataFrame(rows, columns=["image", "label", "group"]).to_csv(tmp_path / "r/evalset.csv", index=False)
    found = read_evalset(tmp_path, "s", evalset(group="^(case[0-9]+)-"))
    assert found.group.tolist() == ["x", "case7", ""]
    assert read_evalset(tmp_path, "s", evalset()).group.tolist() == ["x", "", ""]


@pytest.mark.parametrize(("pattern", "message"), [("case[0-9]+", "must have one bracket"), ("(case", "is no regular")])
def test_a_pattern_of_groups_that_is_none_is_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        evalset(group=pattern)


def test_an_image_of_no_known_group_is_one_of_its_own():
    one = labelled([0, 1, 2, 0], group=["p", "", "p", ""])
    assert one.group[0] == one.group[2]
    assert len(set(one.group.tolist())) == 3
    assert labelled([0, 1]).group is None
