"""Pictures are changed as named, and drops are measured on the same images."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2hed
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from stages.comparison.changes import CHANGES, QUALITY, changed
from stages.comparison.robustness import robustness
from stages.demo.tissue import paint


@pytest.fixture
def picture():
    return Image.fromarray(paint("lymphocytes", 80, 80, np.random.default_rng(0)))


def encoded(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_turn_is_a_quarter_turn(picture):
    assert np.array_equal(np.asarray(CHANGES["turn"](picture)), np.rot90(np.asarray(picture)))


def test_a_blur_takes_detail_away_and_leaves_the_mean():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8))
    before, after = (np.asarray(one, float) for one in (noise, CHANGES["blur"](noise)))
    assert after.std() < 0.2 * before.std(), "white noise under a kernel of 2 pixels: 1 / (2 * 2 * pi ** 0.5) of it"
    assert after.mean() == pytest.approx(before.mean(), abs=1)


def test_another_stain_has_more_haematoxylin_and_less_eosin(picture):
    before, after = (rgb2hed(np.asarray(one)) for one in (picture, CHANGES["stain"](picture)))
    stained = before[..., 0] > np.quantile(before[..., 0], 0.5)
    assert after[stained, 0].mean() > 1.1 * before[stained, 0].mean()
    assert after[..., 1].mean() < before[..., 1].mean()


def test_compression_is_jpeg_of_low_quality(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    theirs = Image.open(io.BytesIO(buffer.getvalue()))
    assert np.array_equal(np.asarray(CHANGES["compress"](picture)), np.asarray(theirs))


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_changed_reader_gives_pictures_of_the_same_size_and_the_same_each_time(name, picture):
    read = changed(lambda _: encoded(picture), CHANGES[name])
    assert read("a") == read("a")
    with Image.open(io.BytesIO(read("a"))) as found:
        assert (found.size, found.mode) == (picture.size, "RGB")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_drops_are_paired_and_similarities_are_cosines():
    rng = np.random.default_rng(0)
    classes, truth = unit(rng.normal(size=(4, 16))), rng.integers(0, 4, 400)
    clean = unit(classes[truth] + 0.3 * rng.normal(size=(400, 16)))
    worse = unit(clean + 0.4 * rng.normal(size=(400, 16)))
    found = robustness(truth, {"none": clean, "blur": worse, "same": clean}, classes, "balanced_accuracy", 400, 0)
    rows = {row["change"]: row for row in found}
    before, after = ((own @ classes.T).argmax(1) for own in (clean, worse))
    score = [balanced_accuracy_score(truth, one) for one in (before, after)]
    assert rows["blur"]["score"] == pytest.approx(score[1])
    assert rows["blur"]["drop"] == pytest.approx(score[0] - score[1])
    assert rows["blur"]["similarity"] == pytest.approx(np.mean([a @ b for a, b in zip(clean, worse, strict=True)]))
    assert [rows["same"][key] for key in ("drop", "drop_low", "drop_high")] == pytest.approx([0, 0, 0], abs=0.02)
    assert rows["same"]["similarity"] == pytest.approx(1)
    by_image = (before == truth).astype(float) - (after == truth)
    paired = robustness(truth, {"none": clean, "blur": worse}, classes, "accuracy", 2000, 0)[1]
    assert paired["drop"] == pytest.approx(accuracy_score(truth, before) - accuracy_score(truth, after))
    half = 1.96 * by_image.std() / 400**0.5
    assert paired["drop_high"] - paired["drop_low"] == pytest.approx(2 * half, rel=0.1)
