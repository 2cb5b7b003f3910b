"""Cameras in a hand, and views that get sharp late."""

import cv2
import numpy as np
import pytest

from stages.demo.tissue import paint
from stages.keyframes.holds import HoldFinder

FPS = 20


@pytest.fixture(scope="module")
def slide():
    return paint("colorectal_cancer", 1100, 2400, np.random.default_rng(5))


def seen(slide, x, y=150.0, degrees=0.0, blur=0.0):
    """What a camera turned by `degrees` sees at (x, y), as a grey picture of 320 x 180."""
    turn = np.radians(degrees)
    move = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]])
    move[:, 2] = np.array([x + 640, y + 360]) - move[:, :2] @ np.array([640, 360])
    picture = cv2.warpAffine(slide, move, (1280, 720), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (320, 180), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(grey, (0, 0), blur) if blur else grey


def find(frames, max_shift=0.02, min_hold_s=1.5):
    finder = HoldFinder(min_hold_s, max_shift * 320, 0.25, 5)
    found = []
    for n, frame in enumerate(frames):
        found += finder.feed(n / FPS, frame, finder.shift(frame), n)
    return found + list(finder.finish(len(frames) / FPS))


def in_hand(slide, x, seconds, shake=6.0, degrees=0.5, begin=0.0):
    times = begin + np.arange(round(seconds * FPS)) / FPS
    return [
        seen(
            slide,
            x + shake * (0.67 * np.sin(3.1 * t) + 0.33 * np.sin(7.3 * t)),
            150 + shake * (0.67 * np.cos(2.3 * t) + 0.33 * np.sin(6 * t)),
            degrees * np.sin(1.7 * t),
        )
        for t in times
    ]


def pan(slide, start, end, seconds):
    share = np.arange(1, round(seconds * FPS)) / (seconds * FPS)
    return [seen(slide, start + (end - start) * s) for s in share * share * (3 - 2 * share)]


def test_holds_of_a_camera_in_a_hand_are_found_between_its_pans(slide):
    frames = in_hand(slide, 100, 4) + pan(slide, 100, 600, 1) + in_hand(slide, 600, 4, begin=5)
    spans = [(hold.start, hold.end) for hold in find(frames)]
    assert [value for span in spans for value in span] == pytest.approx([0, 4, 5, 9], abs=0.35)


def test_max_shift_says_how_much_a_hand_may_shake(slide):
    """Shares of the picture between which a shake of that many pixels of 1280 becomes a hold."""
    for shake, too_little, enough in ((3.0, 0.002, 0.01), (8.0, 0.005, 0.03)):
        frames = in_hand(slide, 300, 4, shake, degrees=0.1)
        assert find(frames, too_little) == []
        (hold,) = find(frames, enough)
        assert hold.end - hold.start == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize("speed", [4, 8, 20, 60])
def test_a_slow_pan_is_no_hold_and_hides_none(slide, speed):
    """Pixels of 1280 a second, for three seconds, before and after a rest."""
    way = [speed * n / FPS for n in range(3 * FPS)]
    assert find([seen(slide, 200 + x) for x in way]) == []
    frames = [seen(slide, 200 + x) for x in way] + [seen(slide, 200 + 3 * speed)] * (3 * FPS)
    (hold,) = find(frames)
    assert (hold.start, hold.end) == pytest.approx((3, 6), abs=0.3)
    (hold,) = find(frames[::-1])
    assert (hold.start, hold.end) == pytest.approx((0, 3), abs=0.3)


@pytest.mark.parametrize("late_s", [0.2, 0.6, 1.2])
@pytest.mark.parametrize("coarse", [1.5, 3.0])
def test_a_hold_whose_tiles_load_late_begins_where_the_camera_stopped(slide, late_s, coarse):
    pan = [seen(slide, 100 + 25 * n, blur=coarse) for n in range(FPS)]
    rest = [seen(slide, 600, blur=coarse)] * round(late_s * FPS) + [seen(slide, 600)] * round((2.5 - late_s) * FPS)
    (hold,) = find(pan + rest)
    assert (hold.start, hold.end) == pytest.approx((1.0, 3.5), abs=0.11)
    assert min(number for number, _ in hold.samples) >= FPS * (1 + late_s), "the samples are sharp"


def test_a_focus_that_is_searched_for_ends_no_hold(slide):
    frames = [seen(slide, 300, blur=abs(2 * np.sin(n / 12)) + 0.01) for n in range(4 * FPS)]
    assert [(hold.start, hold.end) for hold in find(frames)] == [(0.0, pytest.approx(4.0))]
