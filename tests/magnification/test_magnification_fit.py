"""The estimate of magnification, from tissue of known scale to scores on sources left out."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from stages.common.errors import StageError
from stages.common.magnification.estimator import OBJECTIVE_UM, Estimator, level
from stages.demo.tissue import paint
from stages.magnification.fit import even_weights, fit
from stages.magnification.tissue import Tissue, read_tissue
from stages.magnification.views import COARSEST, FINEST, SHAPE, view

TISSUES = ("colorectal_cancer", "lymphocytes", "stroma")  # what most tests learn from


@pytest.fixture
def folder(tmp_path):
    """Three drawn slides at 0.5 micrometres a pixel, from three sources."""
    rows = []
    for number, name in enumerate(TISSUES):
        slide = paint(name, 700, 900, np.random.default_rng(number))
        cv2.imwrite(str(tmp_path / f"{name}.png"), slide[..., ::-1])
        rows.append({"file": f"{name}.png", "source": f"drawn_{name}", "um_per_pixel": 0.5})
    pd.DataFrame(rows).to_csv(tmp_path / "scales.csv", index=False)
    return tmp_path


@pytest.fixture
def fitted(folder, stage_params, tmp_path):
    def run(**changes):
        params = stage_params("magnification", **{"tissue": str(folder), "leave_out": "drawn_", "views": 8} | changes)
        fit(params, tmp_path / "model", tmp_path / "metrics.json", 0, 1)
        return Estimator(tmp_path / "model"), json.loads((tmp_path / "metrics.json").read_text())

    return run


def test_a_slide_that_was_never_seen_gets_the_right_class_or_none(fitted):
    estimator, metrics = fitted(views=30)
    rng = np.random.default_rng(9)
    new = Tissue(paint("colorectal_cancer", 700, 900, rng), "new", 0.5)
    seen = [view(new, rng) for _ in range(40)]
    found = np.array([estimator.estimate(image) for image, _ in seen])
    truth = np.array([level(OBJECTIVE_UM / scale) for _, scale in seen])
    known = ~np.isnan(found)
    assert known.mean() > 0.2
    assert (found == truth)[known].mean() >= 0.8
    assert set(metrics["left_out"]["sources"]) == {f"drawn_{name}" for name in TISSUES}
    assert metrics["left_out"]["log_correlation"] > 0.5


def test_a_higher_bar_leaves_more_empty(fitted):
    shares = [fitted(min_probability=bar)[1]["left_out"]["answered"] for bar in (0.0, 0.7, 1.0)]
    assert shares[0] > shares[1] > shares[2]
    assert fitted(min_probability=1.0)[1]["left_out"]["accuracy"] is None, "no answer is neither right nor wrong"


def test_a_fit_repeats(fitted, tmp_path):
    fitted()
    first = (tmp_path / "model" / "estimator.json").read_bytes()
    fitted()
    assert (tmp_path / "model" / "estimator.json").read_bytes() == first


def test_without_a_source_to_leave_out_there_is_no_score(fitted):
    _, metrics = fitted(leave_out="real_")
    assert metrics == {"views": 24}


def test_images_too_coarse_for_a_class_are_refused_in_one_line(folder, fitted):
    table = pd.read_csv(folder / "scales.csv").assign(um_per_pixel=0.02)
    table.to_csv(folder / "scales.csv", index=False)
    with pytest.raises(StageError, match=r"scales.csv: no view is of magnification class 0: add larger"):
        fitted()


def test_a_view_has_the_scale_it_states():
    """Stripes of a known period, whatever else a view does to them."""
    x = np.arange(3000)
    stripes = np.where(x[None] // 20 % 2, 90, 220) + np.zeros((3000, 1), int)
    image = np.stack([stripes, stripes // 2, stripes], axis=2).astype(np.uint8)
    rng = np.random.default_rng(3)
    for _ in range(20):
        seen, scale = view(Tissue(image, "s", 0.5), rng)
        assert FINEST <= scale <= COARSEST
        assert max(seen.shape) <= max(SHAPE) + 1
        grey = seen[..., 0].astype(float)
        lines = grey.mean(axis=0) if grey.mean(axis=0).std() > grey.mean(axis=1).std() else grey.mean(axis=1)
        power = np.abs(np.fft.rfft(lines - lines.mean()))
        cycles, wanted = power[1:].argmax() + 1, len(lines) * scale / (40 * 0.5)
        assert cycles == pytest.approx(wanted, abs=1.01)


def test_kinds_weigh_the_same_and_classes_within_them():
    sources = pd.Series(["real_a", "real_b", *["drawn_a"] * 4])
    weights = even_weights(sources, np.array([0, 1, 0, 0, 0, 1]))
    assert weights.mean() == pytest.approx(1)
    assert weights[:2].sum() == pytest.approx(weights[2:].sum())
    assert weights[2:5].sum() == pytest.approx(weights[5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"scales.csv: .*save it as CSV"),
        ("file,source\na.png,x\n", "column 'um_per_pixel' is missing"),
        ("file,source,um_per_pixel\nstroma.png,x,20x\n", "row 2: um_per_pixel is '20x', expected micrometres"),
        ("file,source,um_per_pixel\nstroma.png,x,0\n", "row 2: um_per_pixel is '0'"),
        ("file,source,um_per_pixel\nstroma.png,x,0.5\nnone.png,x,0.5\n", "row 3: none.png is missing or not an image"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line(folder, text, message):
    (folder / "scales.csv").write_text(text)
    with pytest.raises(StageError, match=message):
        read_tissue(folder)


def test_a_folder_without_a_table_says_how_to_make_one(tmp_path):
    with pytest.raises(StageError, match="scales.csv not found: list each image there as file,source,um_per_pixel"):
        read_tissue(tmp_path)
