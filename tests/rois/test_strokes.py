"""Strokes to and fro are one gesture, and a cursor may stand for a moment before it sets out."""

import numpy as np
import pandas as pd
import pytest

from stages.rois.gestures import gestures
from stages.rois.work import box

LEFT, TOP, RIGHT, BOTTOM = 0.4, 0.3, 0.65, 0.55


def strokes(periods, seconds, down=True):
    """Over the box above, to and fro `periods` times on the way from its top to its bottom, or from left to right."""
    share = np.linspace(0, 1, round(seconds * 10))
    swing = (1 + np.cos(2 * np.pi * periods * share)) / 2
    x, y = (swing, share) if down else (share, swing)
    return np.stack([LEFT + (RIGHT - LEFT) * x, TOP + (BOTTOM - TOP) * y], axis=1)


def way(start, end, seconds):
    share = np.linspace(0, 1, round(seconds * 10), endpoint=False)[:, None]
    return np.array(start) + (np.array(end) - start) * share


def stand(place, seconds):
    return np.tile(np.array(place, float), (round(seconds * 10), 1))


def found(*parts):
    places = np.concatenate(parts) + np.random.default_rng(0).normal(0, 0.001, (sum(map(len, parts)), 2))
    points = pd.DataFrame({"t_s": np.arange(len(places)) / 10, "x": places[:, 0], "y": places[:, 1]})
    return [box(piece) for piece in gestures(points, 0.6, 0.6, 1.0)]


@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize(("periods", "seconds"), [(2, 2.2), (2, 3.0), (3, 4.0), (4, 4.0)])
def test_strokes_to_and_fro_are_one_gesture(periods, seconds, down):
    (one,) = found(strokes(periods, seconds, down))
    assert one == pytest.approx((LEFT, TOP, RIGHT, BOTTOM), abs=0.07)


@pytest.mark.parametrize("standing", [0.2, 0.4])
def test_a_cursor_that_stands_before_it_sets_out_is_on_its_way(standing):
    start = (0.9, 0.95)
    path = strokes(2, 2.5)
    (one,) = found(stand(start, standing), way(start, path[0], 0.5), path)
    assert one == pytest.approx((LEFT, TOP, RIGHT, BOTTOM), abs=0.07)
    (one,) = found(path[::-1], way(path[0], start, 0.5), stand(start, standing))
    assert one == pytest.approx((LEFT, TOP, RIGHT, BOTTOM), abs=0.07)


def test_circles_one_under_the_other_are_two_gestures():
    angle = 2 * np.pi * np.arange(30) / 20
    first, second = (np.stack([0.5 + 0.06 * np.cos(angle), y + 0.06 * np.sin(angle)], axis=1) for y in (0.3, 0.55))
    assert len(found(first, way(first[-1], second[0], 0.4), second)) == 2
