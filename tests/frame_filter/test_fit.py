"""The frame filter: weights, threshold, variations, and a real fit."""

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from stages.common.data.files import read_json
from stages.common.errors import StageError
from stages.common.frame_filter.classifier import FrameFilter, load_filter
from stages.common.frame_filter.prescreening import Prescreening
from stages.demo.real import photograph
from stages.demo.spoil import SPOILERS
from stages.demo.tissue import paint
from stages.frame_filter.fit import LEAST_KEPT, Trainer, best_threshold, even_weights, fit, measure, scored, vary


@pytest.mark.parametrize("gap", [0.3, 0.8])
def test_threshold_is_as_good_as_any_that_keeps_the_histology(gap):
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.4
    scores = np.clip(rng.normal(0.1 + gap * truth, 0.2), 0, 1)
    kept = scores >= best_threshold(truth, scores, np.ones(200))
    assert kept[truth].mean() >= LEAST_KEPT
    others = [scores >= t for t in np.linspace(0, 1, 2001)]
    assert balanced_accuracy_score(truth, kept) == max(
        balanced_accuracy_score(truth, other) for other in others if other[truth].mean() >= LEAST_KEPT
    )


def test_threshold_weighs_left_out_histology_against_all_kinds_of_other_frames():
    rng = np.random.default_rng(0)
    kinds = {"real_a": 40, "real_b": 40, "real-photo_c": 6, "real-photo_d": 6}
    kinds |= {f"{kind}_0": 20 for kind in ("chart", "page", "dialog", "scan")}
    table = pd.DataFrame({"source": np.repeat(list(kinds), list(kinds.values()))})
    truth = table.source.isin(["real_a", "real_b"]).to_numpy()
    photo = table.source.str.startswith("real-photo").to_numpy()
    unseen = np.where(truth, rng.uniform(0.3, 1, len(table)), np.where(photo, 0.8, rng.uniform(0, 0.2, len(table))))
    left_out = np.where(truth | photo, unseen, np.nan)
    threshold, found = scored(table, truth, unseen, left_out, seed=0)
    assert 0.2 < threshold < 0.4, "a few photographs like tissue do not cost half of the histology"
    assert found["recall"] == {"histology": pytest.approx((unseen[truth] >= threshold).mean()), "other": 0}
    assert found["frames"] == 92
    assert found["cross_validation"]["recall"]["other"] == pytest.approx(80 / 92)


def test_weights_make_labels_and_kinds_count_the_same():
    truth = np.array([True] * 7 + [False] * 3)
    kinds = np.array(["drawn"] * 6 + ["real"] + ["photo"] * 2 + ["title"])
    weights = even_weights(truth, kinds)
    assert weights.mean() == pytest.approx(1)
    sums = pd.Series(weights).groupby([truth, kinds]).sum()
    assert sums.nunique() == 1


def test_variations_keep_type_and_change_tissue_more_than_photographs():
    image = paint("stroma", 120, 200, np.random.default_rng(0))
    whole = lambda histology, seed: vary(image, histology, np.random.default_rng(seed)).mean((0, 1))  # noqa: E731
    tissue, photo = (np.std([whole(label, seed) for seed in range(30)], axis=0).mean() for label in (True, False))
    assert tissue > 1.5 * photo
    part = vary(image, True, np.random.default_rng(1))
    assert part.dtype == np.uint8
    assert part.shape[0] >= 60
    assert (vary(image, True, np.random.default_rng(1)) == part).all()


def test_intervals_resample_sources():
    table = pd.DataFrame({"source": ["drawn_a"] * 4 + ["photo_b"] * 4})
    truth = np.array([True] * 4 + [False] * 4)
    metrics = measure(table, truth, truth.copy(), 0.5, seed=0)
    assert metrics["balanced_accuracy"] == 1
    assert metrics["sources"] == 2
    assert metrics["recall"] == {"histology": 1.0, "other": 1.0}


def test_fits_of_parts_end_where_fits_from_nothing_do():
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (90, 12)).astype(np.float32)
    truth = rows[:, 0] + rng.normal(0, 1, 90) > 0
    varied = rows[None] + rng.normal(0, 0.1, (2, *rows.shape)).astype(np.float32)
    weights = rng.uniform(0.5, 1.5, 90)
    trainer = Trainer(rows, varied, truth, weights, 0.1, seed=0)
    sources = pd.Series([f"real_{number % 5}" for number in range(90)])
    left_out = trainer.leave_out(sources, "real")
    for source in sources.unique():
        test = (sources == source).to_numpy()
        alone = LogisticRegression(C=0.1, tol=1e-8, max_iter=9999).fit(
            np.concatenate([rows[~test], *varied[:, ~test]]), np.tile(truth[~test], 3), np.tile(weights[~test], 3)
        )
        assert left_out[test] == pytest.approx(alone.predict_proba(rows[test])[:, 1], abs=2e-3)
    unseen = trainer.cross_validate(sources.to_numpy(), 5)
    assert trainer.score(sources.to_numpy(), 5)["auroc"] == pytest.approx(roc_auc_score(truth, unseen))


def write_frames(folder, rows):
    folder.mkdir()
    for row, image in rows:
        cv2.imwrite(str(folder / row["file"]), image[..., ::-1])
    pd.DataFrame([row for row, _ in rows]).to_csv(folder / "labels.csv", index=False)


@pytest.mark.slow
def test_a_fitted_filter_knows_tissue_and_flags_it_never_saw(tmp_path, stage_params):
    rng = np.random.default_rng(0)
    seen = ["adipose", "stroma", "naevus", "cribriform", "lymphocytes", "smooth_muscle"]
    rows = []
    for tissue in seen:
        for n in range(4):
            image, panels = paint(tissue, 180, 240, rng), int(n % 2)
            row = {"file": f"{tissue}{n}.png", "label": "histology", "source": f"drawn_{tissue}", "panels": panels}
            rows.append((row, SPOILERS["panels"](image, rng) if panels else image))
    for name in ("astronaut", "cat", "coffee", "rocket", "page", "china"):
        image = cv2.resize(photograph(name), (240, 180))
        row = {"label": "other", "source": f"photo_{name}", "panels": 0}
        rows += [(row | {"file": f"{name}{n}.png"}, np.roll(image, 40 * n, 1)) for n in range(3)]
    write_frames(tmp_path / "frames", rows)
    params = stage_params("frame_filter", frames=str(tmp_path / "frames"), folds=3, leave_out="drawn_a", variations=1)
    fit(params, tmp_path / "model", tmp_path / "metrics.json", 0, "cpu")
    frame_filter = load_filter(tmp_path / "model")
    assert isinstance(frame_filter, FrameFilter)
    unseen = [paint(t, 180, 240, rng) for t in ("epidermis", "isolated_cells", "colorectal_cancer")]
    other = [cv2.resize(photograph(name), (240, 180)) for name in ("flower", "motorcycle", "camera")]
    judged = frame_filter.predict(unseen + other)
    assert all(frame_filter.is_histology(score) for score in judged.histology[:3])
    assert sum(frame_filter.is_histology(score) for score in judged.histology[3:]) <= 1
    spoilt = frame_filter.predict([SPOILERS["panels"](image.copy(), rng) for image in unseen]).flags["panels"]
    assert (spoilt > judged.flags["panels"][:3]).all()
    assert set(judged.flags) == {"panels", "person"}, "a flag nobody labelled is not guessed; faces are found"
    metrics = read_json(tmp_path / "metrics.json")
    assert metrics["frames"] == metrics["cross_validation"]["frames"] == 42, "a source of each label is not left out"
    assert metrics["flags"]["panels"]["auroc"] > 0.8
    fit(params, tmp_path / "again", tmp_path / "m2.json", 0, "cpu")
    heads = [(tmp_path / name / "heads.safetensors").read_bytes() for name in ("model", "again")]
    assert heads[0] == heads[1]
    assert frame_filter.predict([]).histology.shape == (0,)
    prescreening = Prescreening(frame_filter)
    for image in unseen:
        prescreening.add(image)
    assert prescreening.shares(stage_params("keyframes").prescreening)[0] == 1


@pytest.mark.parametrize(
    ("sources", "frames"),
    [
        (("a", "b", "c"), 8),  # three sources: fewer than folds
        (("a", "b"), 20),  # a source for each label: none can be judged by frames of others
        (("a",), 6),  # all from one source
        (("a", "b", "c", "d", "e", "f", "g", "h"), 4),  # fewer frames of a label than folds
    ],
)
def test_a_small_folder_of_labels_is_enough_to_begin_with(tmp_path, stage_params, sources, frames):
    rng = np.random.default_rng(0)
    cat = cv2.resize(photograph("cat"), (240, 180))
    rows = []
    for n in range(frames):
        tissue = n % 2 == 0
        row = {"file": f"{n}.png", "label": "histology" if tissue else "other", "source": sources[n % len(sources)]}
        rows.append((row, paint("stroma", 180, 240, rng) if tissue else np.roll(cat, 20 * n, 1)))
    write_frames(tmp_path / "frames", rows)
    params = stage_params("frame_filter", frames=str(tmp_path / "frames"), variations=1, leave_out="")
    assert fit(params, tmp_path / "model", tmp_path / "metrics.json", 0, "cpu")["items"] == frames
    assert read_json(tmp_path / "metrics.json")["balanced_accuracy"] > 0.5
    assert load_filter(tmp_path / "model").predict([paint("stroma", 180, 240, rng)]).histology[0] > 0.5


@pytest.mark.parametrize("labels", [[], ["histology"] * 4, ["other"] * 4, ["histology", "other", "other"]])
def test_both_labels_are_needed(tmp_path, stage_params, labels):
    (tmp_path / "frames").mkdir()
    lines = [f"{number}.png,{label},a" for number, label in enumerate(labels)]
    for number in range(len(labels)):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "frames/labels.csv").write_text("\n".join(["file,label,source", *lines]))
    params = stage_params("frame_filter", frames=str(tmp_path / "frames"))
    with pytest.raises(StageError, match=r"labels.csv: \d frames are labelled (histology|other), 2 are the least"):
        fit(params, tmp_path / "model", tmp_path / "metrics.json", 0, "cpu")
