"""Cursors and strokes over a still picture."""

import cv2
import numpy as np
import pytest

from stages.demo.render import CURSORS
from stages.demo.tissue import paint
from stages.keyframes.overlays import OverlayDetector


@pytest.fixture(scope="module")
def view():
    return paint("epidermis", 720, 1280, np.random.default_rng(2))


def grey(image):
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (640, 360), interpolation=cv2.INTER_AREA)


def hue(image):
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), (320, 180), interpolation=cv2.INTER_AREA).astype(int)
    return ((small[..., 1] - small[..., 2]) // 2 + 128).clip(0, 255).astype(np.uint8)


def path(count=20):
    return [(300 + 40 * np.cos(n / 3), 250 + 90 * np.sin(n / 3)) for n in range(count)]


def watch(pictures, overlay_threshold=16):
    overlays = OverlayDetector(overlay_threshold)
    for n, picture in enumerate(pictures):
        overlays.add(n / 10, grey(picture), hue(picture))
    return overlays.table(0, 1e9)


@pytest.mark.parametrize("cursor", list(CURSORS))
def test_cursors_of_any_shape_point_within_a_hundredth_of_the_frame(view, cursor):
    table = watch([CURSORS[cursor](view, x, y) for x, y in path()])
    first = table.groupby("t_s").first()
    assert len(first) == 20
    error = np.hypot(first.x - [x / 1280 for x, _ in path()], first.y - [y / 720 for _, y in path()])
    assert np.median(error) < 0.01


def test_a_still_picture_has_no_marks_even_when_it_trembles_or_is_noisy(view):
    assert watch([view] * 20).empty
    rng = np.random.default_rng(0)
    moves = [np.array([[1, 0, dx], [0, 1, dy]]) for dx, dy in rng.uniform(-1, 1, (20, 2))]
    shaken = [cv2.warpAffine(view, move, (1280, 720), borderMode=cv2.BORDER_REFLECT) for move in moves]
    assert len(watch(shaken)) <= 2
    noisy = [(view + rng.normal(0, 4, view.shape)).clip(0, 255).astype(np.uint8) for _ in range(20)]
    assert len(watch(noisy)) <= 2


def test_a_stroke_points_with_its_pen(view):
    pictures, drawn = [view] * 30, view.copy()
    for n in range(20):
        drawn = cv2.line(drawn.copy(), (400 + 15 * n, 300), (415 + 15 * n, 300), (0, 0, 200), 5)
        pictures.append(drawn)
    table = watch(pictures)
    late = table[table.t_s > 4].groupby("t_s").first()
    wanted = [(400 + 15 * round(10 * t - 30) + 8) / 1280 for t in late.index]
    assert np.abs(late.x - wanted).median() < 0.01
    assert np.abs(late.y - 300 / 720).median() < 0.01


def test_memory_stays_bounded_and_times_are_kept(view):
    small = cv2.resize(grey(view), (64, 36))
    overlays = OverlayDetector(16)
    for n in range(2000):
        overlays.add(n / 10, small, small)
        assert len(overlays._window) <= 302
    assert overlays.table(0, 1e9).empty


def test_turned_videos_have_turned_marks(view):
    pictures = [CURSORS["cross"](view, x, y) for x, y in path()]
    straight = watch(pictures)
    overlays = OverlayDetector(16, rotation=90)
    for n, picture in enumerate(pictures):
        overlays.add(n / 10, grey(picture), hue(picture))
    turned = overlays.table(0, 1e9)
    assert np.allclose(turned.x, straight.y)
    assert np.allclose(turned.y, 1 - straight.x)
    assert (turned.x0 < turned.x1).all()
    assert (turned.y0 < turned.y1).all()
