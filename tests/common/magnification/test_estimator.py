"""From a spectrum to a class, or to none."""

import numpy as np
import pytest
from scipy.special import softmax

from stages.common.errors import StageError
from stages.common.magnification.blobs import FEATURES, blob_spectrum
from stages.common.magnification.estimator import Estimator, estimator_digest, level, probabilities
from stages.common.tables.magnification import ESTIMATOR_SPEC

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def write(folder, intercepts, min_probability):
    heads = [[0.0] * FEATURES + [value] for value in intercepts]
    spectrum = blob_spectrum(IMAGE)
    spec = {"heads": heads, "lowest": (spectrum - 0.01).tolist(), "highest": (spectrum + 0.01).tolist()}
    ESTIMATOR_SPEC.write(folder / "estimator.json", spec | {"min_probability": min_probability})
    return Estimator(folder)


def test_the_class_is_that_of_the_nearest_objective():
    powers = (2.5, 5, 10, 14, 14.2, 20, 28, 28.5, 40, 60)
    assert [level(power) for power in powers] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_probabilities_are_softmax():
    heads = np.random.default_rng(1).normal(0, 0.01, (3, FEATURES + 1))
    spectrum = blob_spectrum(IMAGE)
    assert probabilities(spectrum, heads) == pytest.approx(softmax(heads[:, :-1] @ spectrum + heads[:, -1]))


def test_a_class_that_is_not_probable_enough_is_left_empty(tmp_path):
    odds = np.log([0.1, 0.2, 0.7]).tolist()
    assert write(tmp_path, odds, 0.69).estimate(IMAGE) == 2
    assert np.isnan(write(tmp_path, odds, 0.71).estimate(IMAGE))


def test_an_image_unlike_all_it_learned_from_is_left_empty(tmp_path):
    estimator = write(tmp_path, [0.0, 0.0, 9.0], 0.5)
    assert estimator.estimate(IMAGE) == 2
    assert np.isnan(estimator.estimate(np.full((64, 64, 3), 240, np.uint8)))


def test_another_confidence_is_another_estimator(tmp_path):
    write(tmp_path, [0.0] * 3, 0.5)
    before = estimator_digest(tmp_path)
    write(tmp_path, [0.0] * 3, 0.6)
    assert estimator_digest(tmp_path) != before


def test_without_a_fit_one_line_says_what_to_run(tmp_path):
    with pytest.raises(StageError, match=r"estimator.json not found: .*magnification"):
        Estimator(tmp_path)
