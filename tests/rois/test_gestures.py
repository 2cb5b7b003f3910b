"""Gestures in a cursor's path, and their boxes."""

import numpy as np
import pandas as pd
import pytest

from stages.rois.work import box, gestures


def circle(t0, x, y, seconds=3.0, radius=0.08):
    t = np.arange(0, seconds, 0.1)
    turn = 2 * np.pi * t / 2
    return pd.DataFrame({"t_s": t0 + t, "x": x + radius * np.cos(turn), "y": y + radius * np.sin(turn)})


def test_gestures_split_at_gaps_and_short_ones_go():
    points = pd.concat([circle(0, 0.5, 0.5, 2.0), circle(3, 0.5, 0.5, 0.8), circle(5, 0.5, 0.5, 1.8)])
    found = [(piece.t_s.iloc[0], piece.t_s.iloc[-1]) for piece in gestures(points, 0.6, 0.5, 1.0)]
    assert found == [pytest.approx((0.0, 1.9)), pytest.approx((5.0, 6.7))]


def test_a_cursor_that_is_always_there_makes_one_gesture_a_place():
    first, second = circle(0, 0.2, 0.3), circle(3.3, 0.8, 0.7)
    way = pd.DataFrame({"t_s": [3.0, 3.1, 3.2], "x": [0.35, 0.5, 0.65], "y": [0.4, 0.5, 0.6]})
    found = list(gestures(pd.concat([first, way, second], ignore_index=True), 0.6, 0.5, 1.0))
    assert len(found) == 2
    for piece, (x, y) in zip(found, [(0.2, 0.3), (0.8, 0.7)], strict=True):
        assert box(piece) == pytest.approx((x - 0.08, y - 0.08, x + 0.08, y + 0.08), abs=0.06)


def test_a_return_to_the_first_place_is_a_gesture_of_its_own():
    places = [circle(0, 0.2, 0.3), circle(3, 0.8, 0.7), circle(6, 0.2, 0.3)]
    found = list(gestures(pd.concat(places, ignore_index=True), 0.6, 0.5, 1.0))
    assert [round(piece.t_s.iloc[0]) for piece in found] == [0, 3, 6]


def test_a_box_leaves_outliers_out():
    turn = np.linspace(0, 2 * np.pi, 40)
    points = pd.DataFrame({"x": 0.5 + 0.1 * np.cos(turn), "y": 0.4 + 0.2 * np.sin(turn)})
    assert box(points) == pytest.approx((0.4, 0.2, 0.6, 0.6), abs=0.005)
    stray = pd.concat([points, pd.DataFrame({"x": [0.99], "y": [0.4]})])
    assert box(stray) == pytest.approx((0.4, 0.2, 0.6, 0.6), abs=0.005)
