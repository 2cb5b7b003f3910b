"""Measures against references that are computed another way."""

import html
import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image
from safetensors.numpy import save_file
from sklearn import metrics as reference

from stages.common.data.files import read_json
from stages.common.errors import StageError
from stages.common.evalsets.protocol import Evalset, load_protocol
from stages.common.ranks import ranks_of
from stages.common.scores import SCORES, aurocs
from stages.evaluation.__main__ import run
from stages.evaluation.errors import write_errors
from stages.evaluation.linear_probe import probe_set
from stages.evaluation.readers import compare_readers
from stages.evaluation.retrieval import retrieval
from stages.evaluation.sets import Labelled, Paired, labelled, models_of, names_of, paired
from stages.evaluation.zero_shot import classify, prediction_rows, zero_shot

CLASSES = {"A": "one", "B": "two", "C": "three"}


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def world(count=240, noise=0.35, seed=0, split=None, institution=""):
    """Images near their class's text; half of them to test on."""
    rng = np.random.default_rng(seed)
    text = unit(rng.normal(size=(3, 16)))
    label = rng.integers(0, 3, count)
    image = unit(text[label] + rng.normal(size=(count, 16)) * noise)
    sides = np.where(np.arange(count) < count // 2, "train", "test") if split is None else split
    columns = {"path": [f"{n:03d}.png" for n in range(count)], "label": label, "split": sides}
    return Labelled(image, text, pd.DataFrame(columns | {"institution": institution}))


def protocol(**changes):
    return load_protocol(str(ROOT / "protocols/demo.yaml")).model_copy(update=changes)


def evalset(**changes):
    return Evalset(loader="table", root="r", sub_pathology="skin", classes=CLASSES, **changes)


# --- scores


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    truth, found = rng.integers(0, 4, 60), rng.integers(0, 4 + seed % 2, 60)  # a class that is predicted and not there
    counts = np.zeros((5, 5))
    np.add.at(counts, (truth, found), 1)
    assert SCORES["accuracy"](counts) == pytest.approx(reference.accuracy_score(truth, found))
    assert SCORES["balanced_accuracy"](counts) == pytest.approx(reference.balanced_accuracy_score(truth, found))
    for average in ("weighted", "macro"):
        theirs = reference.f1_score(truth, found, average=average, zero_division=0)
        assert SCORES[f"{average}_f1"](counts) == pytest.approx(theirs)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_area_under_the_curve_is_scikit_learns_with_weights_and_ties(classes):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, 80)
    odds = rng.integers(1, 6, (80, classes)) + 3 * np.eye(classes)[truth]  # whole numbers: many ties
    probability = odds / odds.sum(1, keepdims=True)
    weights = np.vstack([np.ones(80), rng.multinomial(80, np.full(80, 1 / 80), size=3)]).astype(float)
    theirs = [
        np.mean([reference.roc_auc_score(truth == c, probability[:, c], sample_weight=row) for c in range(classes)])
        for row in weights
    ]
    assert aurocs(truth, probability, weights) == pytest.approx(theirs)
    assert np.isnan(aurocs(truth * 0, probability, weights)).all()


# --- zero-shot


def test_zero_shot_counts_the_protocols_side_and_is_the_nearest_class():
    one = world()
    found = zero_shot({"s": classify({"start": one}, evalset())}, pinned("s"), 300, seed=0)["start"]["s"]
    nearest = np.array([max(range(3), key=lambda c: float(v @ one.text[c])) for v in one.image[120:]])
    truth = one.label[120:]
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, nearest))
    assert found["balanced_accuracy_low"] < found["balanced_accuracy"] < found["balanced_accuracy_high"]
    assert (found["images"], found["chance"]) == (120, pytest.approx(1 / 3))
    assert list(found["recall"]) == ["one", "two", "three"]
    logits = 100 * (one.image[120:] @ one.text.T).astype(float)
    odds = np.exp(logits - logits.max(1, keepdims=True))
    theirs = reference.roc_auc_score(truth, odds / odds.sum(1, keepdims=True), multi_class="ovr")
    assert found["auroc"] == pytest.approx(theirs)
    everything = classify({"start": one}, evalset(split="all"))
    assert len(everything.truth) == 240


def probe(evalset, params, metric, seed=0):
    """{fraction: scores} of one set under one model."""
    probes, _ = probe_set("s", {"start": evalset}, params, metric, seed)
    return {fraction: one.metrics() for fraction, one in probes["start"].items()}


def pinned(*names, **changes):
    """A protocol of the sets `names`."""
    return protocol(evalsets={name: evalset(institution=name) for name in names}, **changes)


def test_means_weigh_sets_or_images_and_are_surer_than_sets():
    sets = {
        "easy": classify({"start": world(100, 0.5, institution="north")}, evalset()),
        "hard": classify({"start": world(900, 0.9, seed=1, institution="south")}, evalset()),
    }
    by_set, by_image = (
        zero_shot(sets, pinned("easy", "hard", averaging=averaging), 400, 0)["start"]
        for averaging in ("sets", "images")
    )
    easy, hard = (by_set[name]["balanced_accuracy"] for name in ("easy", "hard"))
    assert by_set["mean"]["score"] == by_set["mean"]["balanced_accuracy"] == pytest.approx((easy + hard) / 2)
    assert by_image["mean"]["score"] == pytest.approx((easy * 50 + hard * 450) / 500)
    assert by_set["institution"]["north"]["score"] == pytest.approx(easy)
    assert by_set["sub_pathology"]["skin"]["score"] == pytest.approx((easy + hard) / 2)
    width = [one["balanced_accuracy_high"] - one["balanced_accuracy_low"] for one in (by_set["easy"], by_set["mean"])]
    assert width[1] < width[0]
    other = zero_shot(sets, pinned("easy", "hard", metric="weighted_f1"), 400, 0)["start"]["mean"]
    assert other["score"] == other["weighted_f1"] != by_set["mean"]["score"]


def test_differences_are_paired_and_surer_than_intervals_apart():
    worse, better = world(noise=0.7), world(noise=0.65)
    found = zero_shot({"s": classify({"start": worse, "tuned": better}, evalset())}, pinned("s"), 500, 0)
    apart = found["tuned"]["s"]["balanced_accuracy"] - found["start"]["s"]["balanced_accuracy"]
    difference = found["difference"]["tuned"]["s"]
    assert difference["score"] == pytest.approx(apart)
    width = found["tuned"]["s"]["balanced_accuracy_high"] - found["tuned"]["s"]["balanced_accuracy_low"]
    assert difference["score_high"] - difference["score_low"] < width
    same = zero_shot({"s": classify({"start": worse, "tuned": worse}, evalset())}, pinned("s"), 50, 0)
    assert same["difference"]["tuned"]["s"]["score"] == 0
    assert same["difference"]["tuned"]["s"]["score_low"] < 0 < same["difference"]["tuned"]["s"]["score_high"]


def test_decisions_have_a_row_per_measured_image():
    rows = prediction_rows(classify({"tuned": world()}, evalset()), "tuned")
    assert [row["image"] for row in rows] == [f"{n:03d}.png" for n in range(120, 240)]
    assert {row[key] for row in rows for key in ("actual", "predicted")} == {"one", "two", "three"}


def test_the_page_of_errors_shows_the_surest_first_and_escapes(tmp_path):
    worlds = {"start": world(noise=0.9), "tuned": world(noise=0.8)}
    one = classify(worlds, evalset().model_copy(update={"classes": CLASSES | {"A": "<b>one</b>"}}))
    for path in one.paths:
        Image.new("RGB", (20, 20), "pink").save(tmp_path / path)
    moved = type(one)(**vars(one) | {"paths": np.array([f"{tmp_path}/{path}" for path in one.paths], object)})
    write_errors(tmp_path / "errors.html", {"s": moved}, "tuned", 5, "Zero-shot")
    page = (tmp_path / "errors.html").read_text()
    wrong = int((one.predicted["tuned"] != one.truth).sum())
    assert f"{wrong} of 120 images are wrong" in page
    assert page.count("<figure>") == min(5, wrong)
    assert "<b>one" not in page
    sure = sorted(one.probability["tuned"].max(1)[one.predicted["tuned"] != one.truth])
    assert f"({sure[-1]:.2f})" in page
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.S)
    mistaken = one.predicted["tuned"] != one.truth
    first = int(np.flatnonzero(mistaken & (one.probability["tuned"].max(1) == sure[-1]))[0])
    assert one.paths[first] in captions[0]
    assert f"({one.probability['tuned'][first, one.truth[first]]:.2f})" in captions[0], "of the right class"
    assert f"start: <b>{html.escape(one.classes[one.predicted['start'][first]])}</b>" in captions[0]


# --- readers


def test_readers_are_compared_on_the_images_they_saw(tmp_path):
    one = classify({"tuned": world()}, evalset())
    moved = type(one)(**vars(one) | {"paths": np.array([f"{tmp_path.as_posix()}/{p}" for p in one.paths], object)})
    codes = np.array(list(CLASSES))
    said = {"ann": codes[one.truth[:60]], "bob": codes[(one.truth[:40] + (np.arange(40) % 4 == 0)) % 3]}
    rows = [(one.paths[n], reader, label) for reader, own in said.items() for n, label in enumerate(own)]
    pd.DataFrame(rows, columns=["image", "reader", "label"]).to_csv(tmp_path / "readers.csv", index=False)
    found = compare_readers(tmp_path / "readers.csv", moved, evalset(), 300, 0)
    assert (found["ann"]["accuracy"], found["ann"]["kappa"], found["ann"]["images"]) == (1, 1, 60)
    assert found["bob"]["accuracy"] == 0.75
    truth, model = one.truth[:40], one.predicted["tuned"][:40]
    bob = np.searchsorted(codes, said["bob"])
    assert found["bob"]["kappa"] == pytest.approx(reference.cohen_kappa_score(truth, bob))
    assert found["bob"]["tuned"]["kappa"] == pytest.approx(reference.cohen_kappa_score(truth, model))
    difference = found["bob"]["tuned"]["difference"]
    assert difference == pytest.approx((model == truth).mean() - 0.75)
    assert found["bob"]["tuned"]["difference_low"] < difference < found["bob"]["tuned"]["difference_high"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,reader\n", "column 'label' is missing"),
        ("image,reader,label\n120.png,ann,A\n999.png,ann,A\n", "row 3: 999.png is not a measured image"),
        ("image,reader,label\n120.png,ann,Z\n", "row 2: label 'Z' is none of A, B, C"),
    ],
)
def test_readers_files_that_are_wrong_name_the_row(tmp_path, text, message):
    one = classify({"tuned": world()}, evalset())
    moved = type(one)(**vars(one) | {"paths": np.array([f"{tmp_path.as_posix()}/{p}" for p in one.paths], object)})
    (tmp_path / "readers.csv").write_text(text)
    with pytest.raises(StageError, match=message):
        compare_readers(tmp_path / "readers.csv", moved, evalset(), 300, 0)
    with pytest.raises(StageError, match="none.csv not found: evalsets.*readers"):
        compare_readers(tmp_path / "none.csv", moved, evalset(), 300, 0)


# --- probe


def test_probe_beats_chance_repeats_and_splits_what_has_no_split(stage_params):
    params = stage_params("evaluation", probe_fractions=[0.1, 1.0], probe_seeds=2)
    found = probe(world(), params, "balanced_accuracy")
    assert found == probe(world(), params, "balanced_accuracy")
    assert found["1"]["mean"] >= found["0.1"]["mean"] > 0.5
    assert probe(world(split=""), params, "accuracy")["1"]["mean"] > 0.8
    same = (probe(world(split=side), params, "accuracy") for side in ("test", ""))
    assert next(same) == next(same), "a set of test images alone"
    noise = Labelled(unit(np.random.default_rng(1).normal(size=(240, 16))), world().text, world().table)
    assert probe(noise, params, "balanced_accuracy")["1"]["mean"] < 0.5


def test_probe_chooses_on_the_official_validation_split(stage_params):
    from sklearn.linear_model import LogisticRegression

    one = world(split=np.resize(["train", "validation", "test"], 240), noise=0.8)
    train, validation, test = (one.rows_of(name) for name in ("train", "validation", "test"))
    params = stage_params("evaluation", probe_fractions=[1.0], probe_c=[1e-3, 10.0])
    for strength in params.probe_c:
        fitted = LogisticRegression(C=strength, max_iter=1000).fit(one.image[train], one.label[train])
        label = one.label.copy()
        label[validation] = fitted.predict(one.image[validation])  # so that this strength does best there
        pleased = Labelled(one.image, one.text, one.table.assign(label=label))
        expected = (fitted.predict(one.image[test]) == one.label[test]).mean()
        found = probe(pleased, params, "accuracy")["1"]
        assert abs(np.log10(found["c"] / strength)) < 1
        assert found["mean"] == pytest.approx(expected, abs=0.02)


def test_test_images_do_not_change_what_a_probe_learns(stage_params, monkeypatch):
    import sklearn.linear_model

    learnt = []
    fit = sklearn.linear_model.LogisticRegression.fit
    monkeypatch.setattr(
        sklearn.linear_model.LogisticRegression, "fit", lambda self, x, y: learnt.append(x.tobytes()) or fit(self, x, y)
    )
    one = world()
    test = {row.tobytes() for row in one.image[one.rows_of("test")]}
    probe(one, stage_params("evaluation", probe_seeds=1), "accuracy", 0)
    rows = {part[n : n + 64] for part in learnt for n in range(0, len(part), 64)}
    assert learnt
    assert not rows & test


# --- retrieval


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("memory", [32_000_000, 400])
def test_recall_is_that_of_a_plain_sort(seed, memory, monkeypatch):
    monkeypatch.setattr("stages.common.ranks.MEMORY", memory)
    rng = np.random.default_rng(seed)
    image, text = unit(rng.normal(size=(20, 8))), unit(rng.normal(size=(30, 8)))
    matches = np.unique(np.stack([rng.integers(0, 20, 45), rng.integers(0, 30, 45)], 1), axis=0)
    found = retrieval({"start": Paired(image, text, matches)}, [1, 5, 50], 100, 0)["start"]
    own = {i: {int(t) for a, t in matches if a == i} for i in {int(a) for a, _ in matches}}
    first = {i: next(n for n, t in enumerate(np.argsort(-(image[i] @ text.T))) if t in own[i]) for i in own}
    for k in (1, 5, 50):
        hits = [n < k for n in first.values()]
        assert found["image_to_text"][f"r{k}"] == pytest.approx(np.mean(hits))
    assert found["image_to_text"]["median_rank"] == np.median([n + 1 for n in first.values()])
    assert found["text_to_image"]["r50"] == 1
    assert found["image_to_text"]["queries"] == len(own)


def test_ties_count_neither_for_the_query_nor_against_it():
    same = unit(np.ones((3, 4)))
    pairs = np.array([[0, 0], [1, 1], [2, 2]])
    ranks = ranks_of(same, same, pairs)
    assert ranks.expected.tolist() == [2, 2, 2]
    assert ranks.within(1) == pytest.approx(np.full(3, 1 / 3))
    assert ranks.within(2) == pytest.approx(np.full(3, 2 / 3))
    assert ranks.within(50).tolist() == [1, 1, 1]


def test_retrieval_of_two_models_is_compared_query_by_query():
    rng = np.random.default_rng(0)
    text = unit(rng.normal(size=(200, 8)))
    pairs = np.stack([np.arange(200)] * 2, 1)
    models = {
        name: Paired(unit(text + noise * rng.normal(size=text.shape)), text, pairs)
        for name, noise in (("start", 0.5), ("tuned", 0.3))
    }
    found = retrieval(models, [1], 500, 0)
    difference = found["difference"]["tuned"]["image_to_text"]
    assert difference["r1"] == pytest.approx(
        found["tuned"]["image_to_text"]["r1"] - found["start"]["image_to_text"]["r1"]
    )
    assert difference["r1_low"] > 0


# --- what embeddings wrote


@pytest.fixture
def embedded(tmp_path, monkeypatch):
    """Vectors of a set of classes and of a set of pairs, under two models, in a folder as the stage leaves it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/embeddings"
    (folder / "sets").mkdir(parents=True)
    one = world(60)
    Path = type(tmp_path)
    table = one.table.assign(text="", group="")
    table.loc[0, "label"] = -1
    table.to_parquet(folder / "sets/lung.parquet")
    texts = [f"t{n % 4}" for n in range(6)]
    columns = {"path": list("aabbcc"), "label": -1, "split": "", "institution": "", "text": texts, "group": ""}
    pd.DataFrame(columns).to_parquet(folder / "sets/held_out.parquet")
    for model in ("start", "tuned", "ViT-B-32_openai"):
        (folder / model).mkdir()
        for name, image, text in (("lung", one.image, one.text), ("held_out", one.image[:3], one.image[:4])):
            save_file({"vectors": image}, folder / model / f"{name}.images.safetensors")
            save_file({"vectors": text}, folder / model / f"{name}.texts.safetensors")
    for path in table.path:
        Image.new("RGB", (8, 8)).save(Path(path))
    (tmp_path / "p.yaml").write_text(
        "name: p\nmetric: accuracy\naveraging: sets\ntransform: model\nmissing: fail\ntemplates: ['{c}']\n"
        "evalsets: {lung: {loader: table, root: r, sub_pathology: lung, classes: {A: one, B: two, C: three}}}\n"
    )
    return folder


def test_models_come_with_the_first_two_first_and_left_out_labels_are_gone(embedded):
    assert models_of(embedded) == ["start", "tuned", "ViT-B-32_openai"]
    assert (names_of(embedded, pairs=False), names_of(embedded, pairs=True)) == (["lung"], ["held_out"])
    assert len(labelled(embedded, "tuned", "lung").image) == len(labelled(embedded, "tuned", "lung").table) == 59
    pairs = paired(embedded, "tuned", "held_out")
    assert pairs.matches.tolist() == [[0, 0], [0, 1], [1, 2], [1, 3], [2, 0], [2, 1]]


@pytest.mark.parametrize("task", ["zero_shot", "linear_probe", "retrieval", "few_shot"])
def test_each_task_writes_metrics_that_name_the_protocol(embedded, stage_params, base, tmp_path, task):
    params = stage_params("evaluation", protocol="p.yaml", bootstrap=20, probe_seeds=1, probe_fractions=[1.0])
    assert run(params, base, task)["items"] == 3
    found = read_json(tmp_path / f"reports/metrics/{task}.json")
    assert found["protocol"] == {"name": "p", "digest": load_protocol("p.yaml").digest, "metric": "accuracy"}
    assert {"start", "tuned", "ViT-B-32_openai"} <= set(found)
    assert list((tmp_path / "reports/evaluation" / task).iterdir())


def test_a_readers_file_that_is_wrong_stops_what_the_protocol_lets_it_stop(
    embedded, stage_params, base, tmp_path, caplog
):
    protocol = (tmp_path / "p.yaml").read_text().replace("root: r,", "root: r, readers: readers.csv,")
    (tmp_path / "p.yaml").write_text(protocol)
    params = stage_params("evaluation", protocol="p.yaml", bootstrap=20)
    with pytest.raises(StageError, match="readers.csv not found"):
        run(params, base, "zero_shot")
    (tmp_path / "p.yaml").write_text(protocol.replace("missing: fail", "missing: skip"))
    assert run(params, base, "zero_shot")["items"] == 3
    assert "evalset lung: not compared with readers" in caplog.text
    assert read_json(tmp_path / "reports/metrics/zero_shot.json")["tuned"]


def test_missing_vectors_say_what_to_run(embedded, tmp_path):
    with pytest.raises(StageError, match="not found: run `dvc repro embeddings`"):
        models_of(tmp_path / "none")
    (embedded / "tuned/lung.texts.safetensors").unlink()
    with pytest.raises(StageError, match="lung.texts.safetensors not found: run `dvc repro embeddings`"):
        labelled(embedded, "tuned", "lung")


def test_a_dataset_without_a_test_split_measures_no_retrieval(embedded, stage_params, base, tmp_path):
    (embedded / "sets/held_out.parquet").unlink()
    assert run(stage_params("evaluation", protocol="p.yaml"), base, "retrieval")["sets"] == 0
    assert read_json(tmp_path / "reports/metrics/retrieval.json")["tuned"] == {}


@pytest.mark.parametrize("task", ["zero_shot", "linear_probe", "retrieval", "few_shot"])
def test_without_any_set_there_is_nothing_to_measure(stage_params, base, tmp_path, monkeypatch, task):
    from stages.report.plots import draw_all

    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/embeddings").mkdir(parents=True)
    assert run(stage_params("evaluation", protocol=str(ROOT / "protocols/mine.yaml")), base, task)["sets"] == 0
    metrics = read_json(tmp_path / f"reports/metrics/{task}.json")
    assert metrics["protocol"]["name"] == "mine"
    assert (tmp_path / "reports/evaluation" / task).is_dir()
    assert draw_all({task: metrics}, tmp_path / "none.csv", tmp_path) == []
