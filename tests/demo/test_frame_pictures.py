"""What the frames show: drawn of the size asked, the same from its seed, tissue told from light on black."""

import cv2
import numpy as np
import pytest

from stages.demo.analysed import cell_map, heated, ink, masks, outline, regions, spots
from stages.demo.charts import CHARTS, chart
from stages.demo.guises import GUISES
from stages.demo.insets import heat, inset, navigator, player
from stages.demo.overview import overview
from stages.demo.pages import page
from stages.demo.pale import fade, fatten
from stages.demo.radiology import scan
from stages.demo.real import photograph, segmented
from stages.demo.restain import fluoresce, relight, restain, vignette
from stages.demo.smear import smear
from stages.demo.windows import dialog, viewer


def rng(seed=0):
    return np.random.default_rng(seed)


def tissue():
    return cv2.resize(photograph("ovary_nest"), (320, 240), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("draw", [chart, scan, smear, spots, dialog, page, heat])
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


@pytest.mark.parametrize("change", [restain, relight, vignette, fluoresce, ink, outline, regions, fade, fatten, player])
def test_tissue_is_changed_and_stays_a_picture_of_its_size(change):
    seen = tissue()
    changed = change(seen, rng(3))
    assert changed.shape == seen.shape
    assert changed.dtype == np.uint8
    assert (changed != seen).mean() > 0.005
    assert (seen == tissue()).all(), "the picture that was given is left as it was"


@pytest.mark.parametrize("show", [fluoresce, cell_map])
def test_fluorescence_and_maps_of_cells_are_light_on_black(show):
    glowing = np.mean([show(tissue(), rng(seed)).mean() for seed in range(8)])
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


def stained(image):
    """Mean optical density."""
    return -np.log((image.astype(float) + 1) / 256).mean()


@pytest.mark.parametrize("change", [fade, fatten])
def test_pale_tissue_holds_less_stain_and_is_still_seen(change):
    for seed in range(5):
        pale = change(tissue(), rng(seed))
        assert stained(pale) < 0.9 * stained(tissue())
        assert pale.std() > 4


def test_what_lies_in_a_corner_leaves_the_rest_as_it_was():
    for lay in (inset, navigator):
        changed = (lay(tissue(), heat(90, 60, rng(1)), rng(4)) != tissue()).any(axis=2)
        assert 0.03 < changed.mean() < 0.35
        assert not changed[60:-60, 110:-110].all()


def test_a_map_of_attention_leaves_the_tissue_below_it_visible():
    covered = heated(tissue(), heat(64, 48, rng(1)), rng(2))
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).ravel() for image in (covered, tissue())]
    detail = [one - cv2.GaussianBlur(one, (0, 0), 3) for one in (each.reshape(240, 320).astype(float) for each in grey)]
    assert np.corrcoef(detail[0].ravel(), detail[1].ravel())[0, 1] > 0.8


@pytest.mark.parametrize("number", range(len(GUISES)), ids=[guise[0] for guise in GUISES])
def test_every_guise_of_real_tissue_repeats_from_its_seed(number):
    _, draw, share, label, _ = GUISES[number]
    first, again = (draw("pleomorphic", rng(5)) for _ in range(2))
    assert (first == again).all()
    assert min(first.shape[:2]) >= 240
    assert share > 0
    assert label in ("histology", "other")
