"""The cursor is followed from moment to moment."""

import numpy as np
import pandas as pd

from stages.rois.work import trace

COLUMNS = ["hold_id", "t_s", "x", "y", "x0", "y0", "x1", "y1", "area", "changed"]


def overlays(*rows):
    table = [(hold_id, t, x, y, x, y, x + 0.01, y + 0.01, 0.001, changed) for hold_id, t, x, y, changed in rows]
    return pd.DataFrame(table, columns=COLUMNS)


def test_a_moving_cursor_is_followed_past_marks_that_rest():
    drawing = [("a", n / 10, 0.9, 0.9, 0.0) for n in range(10)]
    cursor = [("a", n / 10, 0.2 + n / 50, 0.3, 1.0) for n in range(10)]
    found = trace(overlays(*drawing, *cursor))
    assert np.allclose(found.x, [0.2 + n / 50 for n in range(10)])


def test_a_cursor_that_stops_stays_and_a_drawing_alone_is_none():
    found = trace(overlays(("a", 0.0, 0.2, 0.3, 1.0), ("a", 0.1, 0.2, 0.3, 0.0), ("a", 0.2, 0.7, 0.7, 0.0)))
    assert list(found.t_s) == [0.0, 0.1]
    assert trace(overlays(("a", 0.0, 0.2, 0.3, 0.0), ("a", 0.1, 0.2, 0.3, 0.0))).empty


def test_of_two_that_move_the_nearer_is_taken():
    rows = [("a", 0.0, 0.2, 0.2, 1.0), ("a", 0.1, 0.8, 0.8, 1.0), ("a", 0.1, 0.22, 0.2, 0.5)]
    assert list(trace(overlays(*rows)).x) == [0.2, 0.22]


def test_holds_are_followed_one_by_one():
    found = trace(overlays(("a", 0.0, 0.2, 0.2, 1.0), ("b", 9.0, 0.2, 0.2, 0.0), ("b", 9.1, 0.4, 0.4, 1.0)))
    assert list(found.hold_id) == ["a", "b"]
    assert list(found.t_s) == [0.0, 9.1]
    assert trace(overlays()).empty
