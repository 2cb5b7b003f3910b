"""What the frames show: drawn of the size asked, the same from its seed, tissue told from light on black."""

import cv2
import numpy as np
import pytest

from stages.demo.analysed import ink, masks, outline, spots
from stages.demo.charts import CHARTS, chart
from stages.demo.overview import overview
from stages.demo.pages import page
from stages.demo.radiology import scan
from stages.demo.real import photograph, segmented
from stages.demo.restain import fluoresce, relight, restain, vignette
from stages.demo.smear import smear
from stages.demo.windows import dialog, viewer


def rng(seed=0):
    return np.random.default_rng(seed)


def tissue():
    return cv2.resize(photograph("ovary_nest"), (320, 240), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("draw", [chart, scan, smear, spots, dialog, page])
@pytest.mark.parametrize("shape", [(360, 640), (640, 480)])
def test_a_picture_has_its_size_and_repeats_from_its_seed(draw, shape):
    first, again, other = (draw(shape[1], shape[0], rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (*shape, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()
    assert first.std() > 1


@pytest.mark.parametrize("number", range(len(CHARTS)), ids=[one.__name__ for one in CHARTS])
def test_every_kind_of_chart_can_be_drawn(number):
    from matplotlib.figure import Figure

    for seed in range(3):
        axes = Figure().subplots()
        CHARTS[number](axes, rng(seed))
        assert axes.has_data() or axes.tables or axes.texts


@pytest.mark.parametrize("change", [restain, relight, vignette, fluoresce, ink, outline])
def test_tissue_is_changed_and_stays_a_picture_of_its_size(change):
    seen = tissue()
    changed = change(seen, rng(3))
    assert changed.shape == seen.shape
    assert changed.dtype == np.uint8
    assert (changed != seen).mean() > 0.01
    assert (seen == tissue()).all(), "the picture that was given is left as it was"


def test_fluorescence_is_light_on_black():
    glowing = np.mean([fluoresce(tissue(), rng(seed)).mean() for seed in range(8)])
    assert glowing < 0.5 * tissue().mean()


def test_whole_slides_are_mostly_glass_and_windows_hold_what_they_show():
    slide = overview([tissue()], 640, 360, rng(1))
    assert slide.shape == (360, 640, 3)
    assert viewer(slide, 640, 360, rng(2)).shape == (360, 640, 3)


def test_each_nucleus_has_one_colour():
    numbers = segmented()[:200, :200]
    colours = masks(numbers, rng(1))
    assert colours.shape == (200, 200, 3)
    assert all(len(np.unique(colours[numbers == one], axis=0)) <= 2 for one in np.unique(numbers)[1:5])
