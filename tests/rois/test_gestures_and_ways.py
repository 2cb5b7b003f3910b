"""A gesture's box is that of the gesture, whatever way led to it and wherever the cursor rested."""

import numpy as np
import pandas as pd
import pytest

from stages.rois.gestures import gestures
from stages.rois.work import box

RADIUS = 0.075  # of a circle that is .15 wide


def way(start, end, seconds):
    share = np.linspace(0, 1, round(seconds * 10), endpoint=False)[:, None]
    return np.array(start) + (np.array(end) - start) * share * share * (3 - 2 * share)


def rest(place, seconds):
    return np.tile(np.array(place, float), (round(seconds * 10), 1))


def circle(x, y, turns, begin=0.0):
    angle = begin + 2 * np.pi * np.arange(round(turns * 20)) / 20
    return np.stack([x + RADIUS * np.cos(angle), y + RADIUS * np.sin(angle)], axis=1)


def found(*parts):
    places = np.concatenate(parts) + np.random.default_rng(0).normal(0, 0.001, (sum(map(len, parts)), 2))
    points = pd.DataFrame({"t_s": np.arange(len(places)) / 10, "x": places[:, 0], "y": places[:, 1]})
    return [(round(p.t_s.iloc[0], 1), round(p.t_s.iloc[-1], 1), box(p)) for p in gestures(points, 0.6, 0.6, 1.0)]


def around(x, y):
    return pytest.approx((x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS), abs=0.03)


@pytest.mark.parametrize("turns", [1.0, 1.6, 3.0])
@pytest.mark.parametrize("start", [(0.1, 0.9), (0.9, 0.5), (0.5, 0.1)])
def test_the_way_to_a_circle_and_from_it_are_no_part_of_its_box(start, turns):
    parts = way(start, (0.575, 0.5), 0.8), circle(0.5, 0.5, turns), way((0.575, 0.5), (0.1, 0.2), 0.8)
    (one,) = found(*parts)
    assert one[2] == around(0.5, 0.5)
    assert one[:2] == pytest.approx((0.8, 0.7 + 2 * turns), abs=0.4)


def test_rests_before_between_and_after_separate_gestures():
    parts = [rest((0.2, 0.4), 2), way((0.2, 0.4), (0.375, 0.4), 0.5), circle(0.3, 0.4, 1.5)]
    parts += [rest(parts[-1][-1], 2), way(parts[-1][-1], (0.675, 0.5), 0.5), circle(0.6, 0.5, 1.5)]
    parts += [rest(parts[-1][-1], 3)]
    first, second = found(*parts)
    assert (first[2], second[2]) == (around(0.3, 0.4), around(0.6, 0.5))
    assert first[1] < 5.6 < second[0], "neither has the rest between them"


def test_gestures_that_follow_each_other_without_a_rest_are_told_apart():
    first = circle(0.4, 0.4, 2)
    second = circle(0.6, 0.55, 2)
    boxes = [one[2] for one in found(first, way(first[-1], second[0], 0.4), second)]
    assert boxes == [around(0.4, 0.4), around(0.6, 0.55)]


def test_an_arc_is_a_gesture_and_a_way_or_a_rest_alone_is_none():
    arc = circle(0.5, 0.5, 0.6)
    assert len(found(arc)) == 1
    assert found(way((0.1, 0.1), (0.7, 0.5), 2)) == []
    assert found(rest((0.4, 0.4), 5)) == []


def test_a_long_path_takes_little_time_and_memory():
    assert len(found(*[circle(0.5, 0.5, 300)])) == 1
