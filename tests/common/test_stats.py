"""Bootstrap intervals against textbook formulas and draws made one by one."""

import numpy as np
import pytest

from stages.common.stats import PairedBootstrap, bootstrap, estimate


def test_bootstrap_covers_the_mean_as_the_textbook_says():
    values = np.random.default_rng(1).normal(10, 2, 400)
    low, high = bootstrap(lambda i: float(values[i].mean()), 400, rounds=2000, seed=0)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_bootstrap_by_group_is_wider_when_groups_agree_within():
    groups = np.repeat(np.arange(8), 50)
    values = np.repeat(np.arange(8.0), 50)
    mean = lambda i: float(values[i].mean())  # noqa: E731
    narrow = bootstrap(mean, 400, rounds=500, seed=0)
    wide = bootstrap(mean, 400, rounds=500, seed=0, groups=groups)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_intervals_are_those_of_resampled_images():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)
    found = np.where(rng.random(200) < 0.7, truth, rng.integers(0, 3, 200))
    counts = PairedBootstrap([truth, found], 4000, 0).confusions(0, 1, 3)
    assert counts.sum((1, 2)).tolist() == [200] * 4001
    ours = estimate(np.trace(counts, axis1=1, axis2=2) / 200, 200).metrics("a")
    by_hand = [np.mean((truth == found)[rng.integers(0, 200, 200)]) for _ in range(4000)]
    assert ours["a"] == pytest.approx(np.mean(truth == found))
    assert [ours["a_low"], ours["a_high"]] == pytest.approx(np.percentile(by_hand, [2.5, 97.5]).tolist(), abs=0.011)


def test_two_columns_see_the_same_draws():
    right = np.random.default_rng(0).integers(0, 2, 300)
    both = PairedBootstrap([right, right, 1 - right], 500, 0)
    assert np.array_equal(both.mean(0), both.mean(1))
    assert both.mean(0) + both.mean(2) == pytest.approx(np.ones(501))
