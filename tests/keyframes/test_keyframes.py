"""Holds, clean images, magnification and the narrative test."""

import cv2
import numpy as np
import pytest

from stages.demo import film as camera
from stages.demo import script
from stages.demo.tissue import paint
from stages.keyframes.holds import HoldFinder
from stages.keyframes.magnification import level, magnification
from stages.keyframes.narrative import narrative_share
from stages.keyframes.scan import median, scan


@pytest.fixture(scope="module")
def slide():
    return paint("colorectal_cancer", 1000, 1600, np.random.default_rng(5))


def grey(slide, x, y, cursor=None):
    view = slide[y : y + 720, x : x + 1280]
    view = camera.cursor(view, *cursor) if cursor else view
    return cv2.cvtColor(cv2.resize(view, (320, 180), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def find(frames, fps=10, min_hold_s=1.0):
    finder = HoldFinder(min_hold_s, 1.5, 0.25, keep=5)
    found = [hold for n, frame in enumerate(frames) for hold in finder.feed(n / fps, frame, n)]
    return found + list(finder.finish())


def test_a_hold_between_pans_is_found_with_its_times(slide):
    pan = [grey(slide, 4 * n, 0) for n in range(20)]
    still = [grey(slide, 80, 0)] * 30
    back = [grey(slide, 80 - 4 * n, 0) for n in range(1, 15)]
    (hold,) = find(pan + still + back)
    assert hold.start == pytest.approx(2.0, abs=0.21)
    assert hold.end == pytest.approx(4.9, abs=0.21)


def test_a_moving_cursor_breaks_no_hold_and_a_slow_pan_does(slide):
    pointing = [grey(slide, 40, 40, (300 + 20 * n, 200 + 9 * n)) for n in range(30)]
    assert len(find(pointing)) == 1
    slow = [grey(slide, n, 0) for n in range(60)]
    assert find(slow) == []


def test_a_cut_ends_one_hold_and_begins_another(slide):
    found = find([grey(slide, 0, 0)] * 20 + [grey(slide, 300, 200)] * 20)
    assert len(found) == 2
    assert found[0].end < found[1].start + 0.21


def test_short_stops_are_no_holds_and_long_holds_keep_few_frames(slide):
    assert find([grey(slide, 0, 0)] * 8) == []
    (hold,) = find([grey(slide, 0, 0)] * 300)
    assert 3 <= len(hold.frames) <= 5
    steps = np.diff(hold.frames)
    assert len(set(steps)) == 1, "frames are spread evenly"


@pytest.mark.parametrize("count", [3, 5, 8, 11])
def test_median_is_numpys(count):
    frames = np.random.default_rng(count).integers(0, 255, (count, 37, 41, 3), dtype=np.uint8)
    expected = np.sort(frames, axis=0)[(count - 1) // 2]
    assert (median(frames) == expected).all()
    if count % 2:
        assert (median(frames) == np.median(frames, axis=0)).all()


def test_magnification_follows_the_size_of_nuclei(slide):
    double = cv2.resize(slide[:500, :800], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    half = cv2.resize(slide, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small, middle, large = (magnification(image, 7.0) for image in (half, slide, double))
    assert small < middle < large
    assert large / middle == pytest.approx(2, rel=0.35)
    assert magnification(np.full((64, 64, 3), 240, np.uint8), 7.0) == 0
    assert [level(value) for value in (5, 10, 10.1, 20, 20.1, 60)] == [0, 0, 1, 1, 2, 2]


def test_narrative_share_by_hand():
    a, b = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    steady = np.array([a] * 8, np.float32)
    assert narrative_share(steady, 20, 3, 0.9) == 1
    jumpy = np.array([a, b] * 6, np.float32)
    assert narrative_share(jumpy, 20, 3, 0.9) == 0
    mixed = np.array([a] * 5 + [b, a, b, a, b], np.float32)
    assert narrative_share(mixed, 20, 3, 0.9) == pytest.approx(2 / 7)
    assert narrative_share(steady[:3], 20, 3, 0.9) == 0


@pytest.mark.slow
def test_a_scan_of_a_film_finds_its_shots(tmp_path, params):
    row = next(row for row in script.cast("tiny") if not row[3])
    plan = script.write(*row, seed=3, holds=1)
    camera.shoot(plan, tmp_path / "film.mp4")
    found = scan(tmp_path / "film.mp4", params("keyframes"))
    wanted = [s for s in plan.shots if s.kind == "hold" and s.end - s.start >= 3]
    for shot in wanted:
        assert any(abs(start - shot.start) < 0.5 and abs(end - shot.end) < 0.5 for start, end, _ in found.holds)
    for gesture in plan.gestures:
        _, _, image = next(h for h in found.holds if h[0] - 0.5 <= gesture.start <= h[1])
        assert image.shape == (720, 1280, 3), "the clean image has the video's own size"
    assert len(found.screened) == pytest.approx(plan.now, abs=2)
