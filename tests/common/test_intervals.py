"""Intervals of 95 % hold as often as they say: against scipy, by adding up all outcomes, and by simulation."""

import numpy as np
import pytest
from scipy import stats

from stages.common.stats import PairedBootstrap, difference, estimate, mean_of, wilson

Z = stats.norm.ppf(0.975)


@pytest.mark.parametrize(("right", "count"), [(0, 20), (17, 20), (50, 100), (499, 500), (500, 500)])
def test_a_share_has_wilsons_interval(right, count):
    theirs = stats.binomtest(right, count).proportion_ci(method="wilson")
    assert wilson(right / count, count, Z) == pytest.approx((theirs.low, theirs.high))
    own = PairedBootstrap([np.arange(count) < right], 2000, 0).share(0)
    assert own.value == right / count
    assert (own.low, own.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


@pytest.mark.parametrize("count", [20, 30, 50, 100, 200, 500])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.95, 0.98])
def test_independent_images_are_covered(count, share):
    """The chances of all numbers of right images whose interval holds the true share."""
    right = np.arange(count + 1)
    chance = stats.binom.pmf(right, count, share)
    covered = 0.0
    for number in right[chance > 1e-6]:
        own = PairedBootstrap([np.arange(count) < number], 400, 0).share(0)
        covered += chance[number] * (own.low <= share <= own.high)
    assert 0.915 <= covered <= 0.985


def coverage(columns_of, true, measure, times=400):
    """How often the interval of `measure` holds `true`, for columns and groups drawn from `columns_of(rng)`."""
    hits = 0
    for seed in range(times):
        columns, groups = columns_of(np.random.default_rng(seed))
        found = measure(PairedBootstrap(columns, 200, seed, groups))
        hits += found.low <= true <= found.high
    return hits / times


@pytest.mark.parametrize(("patients", "each"), [(15, 10), (40, 5)])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.98])
def test_images_of_patients_are_covered(patients, each, share):
    def columns(rng):
        own = rng.beta(share * 3, (1 - share) * 3, patients)  # images of a patient correlate by a quarter
        right = rng.random((patients, each)) < own[:, None]
        return [right.ravel().astype(int)], np.repeat(np.arange(patients), each)

    assert 0.92 <= coverage(columns, share, lambda drawn: drawn.share(0)) <= 0.985
    if (patients, share) == (15, 0.7):  # what the groups are for
        assert coverage(lambda rng: (columns(rng)[0], None), share, lambda drawn: drawn.share(0), 100) < 0.8


@pytest.mark.parametrize(
    ("count", "one", "other", "alike"),
    [
        (20, 0.6, 0.6, 0.5),
        (20, 0.5, 0.3, 0.9),
        (50, 0.9, 0.8, 0.5),
        (50, 0.6, 0.5, 0.95),
        (100, 0.7, 0.5, 0.5),
        (200, 0.95, 0.9, 0.5),
    ],
)
def test_paired_differences_are_covered(count, one, other, alike):
    """`alike` is the share of images that are as hard for both models."""

    def columns(rng):
        hard, own = rng.random(count), rng.random(count)
        second = np.where(rng.random(count) < alike, hard, own)
        return [(hard < one).astype(int), (second < other).astype(int)], None

    found = coverage(columns, one - other, lambda drawn: difference(drawn.share(0), drawn.share(1)))
    assert 0.92 <= found <= 0.985


@pytest.mark.parametrize(("patients", "whole", "flipped"), [(15, True, 0.1), (40, True, 0.03), (15, False, 0.1)])
def test_differences_on_images_of_patients_are_covered(patients, whole, flipped):
    """The second model errs on some patients, or images, on which the first does not, and the other way round. Rare
    patients may not be among those seen, so intervals are wide rather than wrong."""

    def columns(rng):
        right = rng.random((patients, 10)) < rng.beta(3.6, 0.4, patients)[:, None]
        flips = rng.random((patients, 1 if whole else 10)) < flipped
        return [right.ravel().astype(int), (right ^ flips).ravel().astype(int)], np.repeat(np.arange(patients), 10)

    true = flipped * (1 - 2 * 0.9)
    assert coverage(columns, true, lambda drawn: difference(drawn.share(1), drawn.share(0))) >= 0.92


def test_means_of_sets_are_covered():
    def of_set(rng, share, count):
        return PairedBootstrap([(rng.random(count) < share).astype(int)], 200, 0).share(0)

    rngs = [np.random.default_rng(seed) for seed in range(400)]
    means = [mean_of([of_set(rng, 0.95, 40), of_set(rng, 0.6, 80)], [1, 1]) for rng in rngs]
    assert 0.92 <= np.mean([one.low <= 0.775 <= one.high for one in means]) <= 0.98


def test_one_group_says_nothing_and_perfect_groups_count_once():
    right = np.ones(50, int)
    alone = PairedBootstrap([right], 100, 0, np.zeros(50, int)).share(0)
    assert (alone.low, alone.high) == (0, 1)
    five = PairedBootstrap([right], 100, 0, np.arange(50) % 5).share(0)
    assert (five.value, five.high) == (1, 1)
    assert five.low == pytest.approx(wilson(1, 5, stats.t.ppf(0.975, 4))[0])


def test_groups_are_drawn_whole():
    rng = np.random.default_rng(0)
    groups, right = rng.integers(0, 12, 90), rng.integers(0, 2, 90)
    drawn = PairedBootstrap([right], 3000, 0, groups).mean(0)[1:]
    members = [np.flatnonzero(groups == group) for group in range(12)]
    by_hand = [right[np.concatenate([members[g] for g in rng.integers(0, 12, 12)])].mean() for _ in range(3000)]
    assert drawn.std() == pytest.approx(np.std(by_hand), rel=0.08)


def test_what_is_not_defined_is_none():
    assert estimate(np.array([np.nan, 0.5]), 10).metrics("auroc") == {
        "auroc": None,
        "auroc_low": None,
        "auroc_high": None,
    }
