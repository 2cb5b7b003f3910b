"""A cursor that rests through most of a hold is not in its clean image."""

import cv2
import numpy as np
import pytest
from recording import record

from stages.demo.render import CURSORS
from stages.demo.tissue import paint
from stages.keyframes.scan import StillImage, scan


@pytest.fixture(scope="module")
def view():
    return paint("epidermis", 720, 1280, np.random.default_rng(2))


def image_of(path, frames, params):
    (still,) = (found for found in scan(record(path, frames, fps=10), params, 1, 160) if isinstance(found, StillImage))
    return still.image


@pytest.mark.parametrize("cursor", list(CURSORS))
@pytest.mark.parametrize("comes_last", [True, False])
def test_it_is_taken_out_where_a_frame_shows_the_place(tmp_path, view, stage_params, cursor, comes_last):
    """It rests for 4.3 of 5 seconds."""
    moves = [CURSORS[cursor](view, 900 - 60 * n, 200 + 20 * n) for n in range(7)]
    rests = [CURSORS[cursor](view, 460, 340)] * 43
    image = image_of(tmp_path / "v.mp4", moves + rests if comes_last else rests + moves, stage_params("keyframes"))
    shown = CURSORS[cursor](view, 460, 340)
    place = cv2.absdiff(shown, view).max(axis=2) > 30
    with_cursor, without = (np.abs(image[place].astype(int) - other[place]).mean() for other in (shown, view))
    assert without < 0.35 * with_cursor
    assert cv2.PSNR(image, view) > 30


def test_what_belongs_to_the_view_stays(tmp_path, view, stage_params):
    """A dark grain, over which a cursor passes."""
    grain = cv2.circle(view.copy(), (640, 360), 12, (20, 20, 30), -1)
    frames = [CURSORS["arrow"](grain, 560 + 4 * n, 350) for n in range(40)]
    image = image_of(tmp_path / "v.mp4", frames, stage_params("keyframes"))
    assert image[355:366, 635:646].mean() < 50
