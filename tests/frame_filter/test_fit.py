"""The frame filter: threshold, labels, and a real fit."""

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from stages.common.errors import StageError
from stages.common.files import read_json
from stages.common.histology import FrameFilter
from stages.demo.real import photograph
from stages.demo.tissue import paint
from stages.frame_filter.fit import best_threshold, fit, measure, read_frames


def test_threshold_is_as_good_as_any():
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.4
    scores = np.clip(rng.normal(0.35 + 0.3 * truth, 0.2), 0, 1)
    found = balanced_accuracy_score(truth, scores >= best_threshold(truth, scores))
    assert found == max(balanced_accuracy_score(truth, scores >= t) for t in np.linspace(0, 1, 2001))


def write_frames(folder, rows):
    folder.mkdir()
    for file, _, _, image in rows:
        if image is not None:
            cv2.imwrite(str(folder / file), image[..., ::-1])
    table = pd.DataFrame([row[:3] for row in rows], columns=["file", "label", "source"])
    table.to_csv(folder / "labels.csv", index=False)


def test_bad_labels_and_files_are_named_with_their_row(tmp_path):
    with pytest.raises(StageError, match="labels.csv not found"):
        read_frames(tmp_path)
    image = np.zeros((8, 8, 3), np.uint8)
    write_frames(tmp_path / "a", [("x.png", "histology", "s", image), ("y.png", "cat", "s", image)])
    with pytest.raises(StageError, match=r"row 3: label is 'cat'"):
        read_frames(tmp_path / "a")
    write_frames(tmp_path / "b", [("x.png", "histology", "s", None)])
    with pytest.raises(StageError, match=r"row 2: x.png is missing"):
        read_frames(tmp_path / "b")


def test_intervals_resample_sources():
    table = pd.DataFrame({"source": ["drawn_a"] * 4 + ["photo_b"] * 4})
    truth = np.array([True] * 4 + [False] * 4)
    metrics = measure(table, truth, truth.copy(), 0.5, seed=0)
    assert metrics["balanced_accuracy"] == 1
    assert metrics["sources"] == 2
    assert metrics["recall"] == {"histology": 1.0, "other": 1.0}


@pytest.mark.slow
def test_a_fitted_filter_knows_tissue_it_never_saw(tmp_path, params):
    rng = np.random.default_rng(0)
    seen = ["adipose", "stroma", "naevus", "cribriform", "lymphocytes", "smooth_muscle"]
    rows = [(f"{t}{n}.png", "histology", t, paint(t, 180, 240, rng)) for t in seen for n in range(3)]
    photos = ["astronaut", "cat", "coffee", "rocket", "page", "china"]
    for name in photos:
        image = cv2.resize(photograph(name), (240, 180))
        rows += [(f"{name}{n}.png", "other", name, np.roll(image, 40 * n, 1)) for n in range(3)]
    write_frames(tmp_path / "frames", rows)
    block = params("frame_filter", frames=str(tmp_path / "frames"), folds=3)
    fit(block, tmp_path / "model", tmp_path / "metrics.json", seed=0)
    judge = FrameFilter(tmp_path / "model")
    unseen = [paint(t, 180, 240, rng) for t in ("epidermis", "isolated_cells", "colorectal_cancer")]
    other = [cv2.resize(photograph(name), (240, 180)) for name in ("flower", "motorcycle", "camera")]
    scores = judge.probabilities(judge.features(unseen + other))
    assert all(judge.keeps(score) for score in scores[:3])
    assert sum(judge.keeps(score) for score in scores[3:]) <= 1
    assert read_json(tmp_path / "metrics.json")["frames"] == 36
    again = fit(block, tmp_path / "again", tmp_path / "m2.json", seed=0)
    assert again["sources"] == 12
    assert (tmp_path / "again" / "head.safetensors").read_bytes() == (
        tmp_path / "model" / "head.safetensors"
    ).read_bytes()
