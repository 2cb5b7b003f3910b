"""Holds between movements of the camera."""

import cv2
import numpy as np
import pytest

from stages.demo import render as camera
from stages.demo.tissue import paint
from stages.keyframes.holds import HoldFinder


@pytest.fixture(scope="module")
def slide():
    return paint("colorectal_cancer", 1000, 1900, np.random.default_rng(5))


def grey(slide, x, y=0, pointer=None):
    part, whole = x - int(x), slide[y : y + 720, int(x) : int(x) + 1281].astype(np.float32)
    seen = (whole[:, :-1] * (1 - part) + whole[:, 1:] * part).astype(np.uint8)
    seen = camera.arrow(seen, *pointer) if pointer else seen
    return cv2.resize(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), (320, 180), interpolation=cv2.INTER_AREA)


def find(frames, fps=25, min_hold_s=1.0, keep=5):
    finder = HoldFinder(min_hold_s, 1.0, 0.25, keep)
    found = []
    for n, frame in enumerate(frames):
        found += finder.feed(n / fps, frame, finder.shift(frame), n)
    return found + list(finder.finish(len(frames) / fps))


def test_a_hold_between_pans_is_found_to_the_frame(slide):
    frames = (
        [grey(slide, 8 * n) for n in range(20)]
        + [grey(slide, 160)] * 50
        + [grey(slide, 160 - 8 * n) for n in range(1, 20)]
    )
    (hold,) = find(frames)
    assert (hold.start, hold.end) == pytest.approx((20 / 25, 70 / 25), abs=1.01 / 25)


def test_a_slow_beginning_and_end_are_followed_back(slide):
    """A creep of 10 pixels a second stays within the tolerance for 0.4 s; the line through it tells when it began."""
    creep = [grey(slide, 100 + 0.4 * n) for n in range(1, 40)]
    (hold,) = find([grey(slide, 100)] * 50 + creep)
    assert (hold.start, hold.end) == pytest.approx((0, 2.0), abs=0.1)
    (hold,) = find([grey(slide, 100 + 0.4 * n) for n in range(40, 0, -1)] + [grey(slide, 100)] * 50)
    assert (hold.start, hold.end) == pytest.approx((39 / 25, 90 / 25), abs=0.1)


def test_a_moving_cursor_breaks_no_hold_and_slow_movements_do(slide):
    pointing = [grey(slide, 40, 40, (300 + 8 * n, 200 + 4 * n)) for n in range(75)]
    assert len(find(pointing)) == 1
    assert find([grey(slide, 2 * n / 25) for n in range(200)], min_hold_s=1.5) == [], "2 pixels a second"
    assert find([grey(slide, n) for n in range(150)]) == []


def test_a_shaking_camera_and_a_flickering_lamp_break_no_hold(slide):
    rng = np.random.default_rng(0)
    frames = [grey(slide, 100 + rng.uniform(-1, 1)) for _ in range(60)]
    frames = [cv2.convertScaleAbs(frame, alpha=rng.uniform(0.96, 1.04)) for frame in frames]
    (hold,) = find(frames)
    assert (hold.start, hold.end) == pytest.approx((0, 60 / 25), abs=0.05)


def test_a_cut_ends_one_hold_and_begins_another(slide):
    first, second = find([grey(slide, 0)] * 40 + [grey(slide, 500, 200)] * 40)
    assert first.end == second.start == pytest.approx(1.6)


def test_short_stops_are_no_holds_and_long_holds_keep_few_even_samples(slide):
    assert find([grey(slide, 0)] * 20) == []
    (hold,) = find([grey(slide, 0)] * 300)
    assert 3 <= len(hold.samples) <= 5
    assert len(set(np.diff([number for number, _ in hold.samples]))) == 1


def test_one_frame_shown_for_long_is_a_hold(slide):
    """Screen recorders leave out frames that repeat."""
    finder = HoldFinder(1.0, 1.0, 0.25, 5)
    still, other = grey(slide, 0), grey(slide, 500)
    assert list(finder.feed(0.0, still, finder.shift(still), "a")) == []
    (hold,) = finder.feed(4.0, other, finder.shift(other), "b")
    assert (hold.start, hold.end, hold.samples[0][0]) == (0.0, 4.0, "a")
