"""Hard cuts."""

import cv2
import numpy as np
import pytest

from stages.demo.tissue import paint
from stages.keyframes.cuts import CutFinder


def grey(image):
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (320, 180), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def tissues():
    return [paint(name, 720, 1900, np.random.default_rng(3)) for name in ("stroma", "colon_mucosa")]


def find(frames, fps=25, ratio=3.0, level=3.0):
    finder = CutFinder(ratio, level)
    return [cut for n, frame in enumerate(frames) for cut in finder.feed(n / fps, frame)]


def test_a_cut_is_found_at_its_frame(tissues):
    first, second = (grey(tissue[:, :1280]) for tissue in tissues)
    assert find([first] * 20 + [second] * 20) == [20 / 25]
    assert find([first] * 20 + [np.full_like(first, 235)] * 20 + [second] * 20) == [20 / 25, 40 / 25]


def test_pans_flicker_and_jumps_of_the_camera_are_no_cuts(tissues):
    slide = tissues[1]
    pan = [grey(slide[:, 12 * n : 12 * n + 1280]) for n in range(40)]
    assert find(pan) == []
    assert find([pan[0]] * 10 + pan[:10] + pan[13:30] + pan[34:]) == [], "frames are missing"
    rng = np.random.default_rng(0)
    assert find([cv2.convertScaleAbs(pan[0], alpha=rng.uniform(0.95, 1.05)) for _ in range(60)]) == []


def test_times_are_those_of_the_frames_however_irregular(tissues):
    first, second = (grey(tissue[:, :1280]) for tissue in tissues)
    finder = CutFinder(3.0, 3.0)
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 1.5, 60))
    found = [cut for n, time in enumerate(times) for cut in finder.feed(time, second if n >= 33 else first)]
    assert found == [times[33]]
