"""The cursor is found, followed and boxed."""

import cv2
import numpy as np
import pandas as pd
import pytest

from stages.demo.film import cursor
from stages.demo.tissue import paint
from stages.rois.trace import box, find_cursor, gestures


@pytest.fixture(scope="module")
def view():
    return paint("epidermis", 720, 1280, np.random.default_rng(2))


def small(image):
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (640, 360), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(("x", "y"), [(200, 100), (640, 360), (1200, 650)])
def test_the_tip_is_found_within_a_hundredth_of_the_frame(view, x, y):
    found = find_cursor(small(cursor(view, x, y)), small(view), 30)
    assert found == pytest.approx((x / 1280, y / 720), abs=0.01)


def test_no_cursor_and_a_changed_scene_give_nothing(view):
    assert find_cursor(small(view), small(view), 30) is None
    assert find_cursor(255 - small(view), small(view), 30) is None


def test_gestures_split_at_gaps_and_short_ones_go():
    points = pd.DataFrame({"t_s": [0.0, 0.5, 1.0, 1.5, 3.0, 3.2, 5.0, 5.5, 6.0, 6.5]})
    assert [list(piece.t_s) for piece in gestures(points, 0.6, 1.0)] == [[0.0, 0.5, 1.0, 1.5], [5.0, 5.5, 6.0, 6.5]]


def test_a_box_leaves_outliers_out():
    turn = np.linspace(0, 2 * np.pi, 40)
    points = pd.DataFrame({"x": 0.5 + 0.1 * np.cos(turn), "y": 0.4 + 0.2 * np.sin(turn)})
    assert box(points) == pytest.approx((0.4, 0.2, 0.6, 0.6), abs=0.005)
    stray = pd.concat([points, pd.DataFrame({"x": [0.99], "y": [0.4]})])
    assert box(stray) == pytest.approx((0.4, 0.2, 0.6, 0.6), abs=0.005)
