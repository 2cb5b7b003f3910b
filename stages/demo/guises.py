"""Real tissue as lectures, programs and papers show it, and as light on black, which is not histology."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from stages.common.data.arrays import Picture
from stages.demo.analysed import cell_map, heated, ink, outline, regions
from stages.demo.charts import chart
from stages.demo.insets import heat, inset, navigator, player
from stages.demo.overview import overview
from stages.demo.pale import fade, fatten
from stages.demo.real import photograph
from stages.demo.restain import fluoresce, relight, restain, vignette
from stages.demo.spoil import SPOILERS
from stages.demo.windows import viewer

SHAPE = (360, 640)  # a lecture's frame
SHAPES = (*[SHAPE] * 3, (480, 640), (480, 480), (640, 480), (270, 640))  # and a region's or a picture's
MIN_TISSUE = 0.25  # share of a frame that must be stained: bare background teaches nothing
RESTAINED = 0.25  # share of the frames in which the tissue is in another stain
PALE = 0.15  # share of the frames in which the tissue is fatty or faded

Draw = Callable[[Any, np.random.Generator], Picture]


def frame_shape(rng: np.random.Generator) -> tuple[int, int]:
    """Height and width of a frame."""
    return SHAPES[int(rng.integers(len(SHAPES)))]


def crop(name: str, rng: np.random.Generator) -> Picture:
    """A random part of a photograph, mirrored half of the time."""
    return _part(name, rng, frame_shape(rng))


def tissue_crop(name: str, rng: np.random.Generator) -> Picture:
    """A random part of a real slide that is not mostly bare background."""
    shape = frame_shape(rng)
    part = _part(name, rng, shape)
    while (cv2.cvtColor(part, cv2.COLOR_RGB2HSV)[..., 1] > 20).mean() < MIN_TISSUE:
        part = _part(name, rng, shape)
    return part


def in_window(inner: Picture, share: float, rng: np.random.Generator) -> Picture:
    """`inner`, in a program's window in this `share` of the calls."""
    return viewer(inner, *frame_shape(rng)[::-1], rng) if rng.random() < share else inner


def overlaid(tissue: Picture, rng: np.random.Generator) -> Picture:
    """`tissue` with a pen's mark on it, with regions that somebody marked, or with what an analysis found."""
    kind = rng.random()
    if kind < 0.3:
        return ink(tissue, rng)
    if kind < 0.55:
        return in_window(regions(tissue, rng), 0.4, rng)
    if kind < 0.7:
        return in_window(heated(tissue, heat(160, 120, rng), rng), 0.4, rng)
    return in_window(outline(tissue, rng), 0.5, rng)


def _part(name: str, rng: np.random.Generator, shape: tuple[int, int]) -> Picture:
    """A part of a photograph of the aspect of `shape`, at least a third of what fits, in as many pixels."""
    image = photograph(name)
    scale = min(image.shape[0] / shape[0], image.shape[1] / shape[1]) * rng.uniform(0.35, 1.0)
    height, width = int(shape[0] * scale), int(shape[1] * scale)
    top, left = int(rng.integers(image.shape[0] - height + 1)), int(rng.integers(image.shape[1] - width + 1))
    part = image[top : top + height, left : left + width]
    part = np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)
    return cv2.resize(part, shape[::-1], interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)


def _tissue(name: str, rng: np.random.Generator) -> Picture:
    """A part of a slide under the light of some scanner or camera, now and then in another stain, fatty or faded."""
    part = tissue_crop(name, rng)
    part = relight(restain(part, rng) if rng.random() < RESTAINED else part, rng)
    return _paled(part, rng) if rng.random() < PALE else part


def _paled(tissue: Picture, rng: np.random.Generator) -> Picture:
    kind = rng.random()
    tissue = fatten(tissue, rng) if kind < 0.6 else tissue
    return fade(tissue, rng) if kind > 0.4 else tissue


def _pale(name: str, rng: np.random.Generator) -> Picture:
    return _paled(relight(tissue_crop(name, rng), rng), rng)


def _stained(name: str, rng: np.random.Generator) -> Picture:
    stained = relight(restain(tissue_crop(name, rng), rng), rng)
    return _paled(stained, rng) if rng.random() < PALE else stained


def _field(name: str, rng: np.random.Generator) -> Picture:
    return vignette(_tissue(name, rng), rng)


def _analysed(name: str, rng: np.random.Generator) -> Picture:
    return overlaid(_tissue(name, rng), rng)


def _whole_slide(name: str, rng: np.random.Generator, unscanned: bool = False) -> Picture:
    """A whole slide with sections of the tissue `name`."""
    tissue = relight(tissue_crop(name, rng), rng)
    tissue = restain(tissue, rng) if rng.random() < 0.3 else tissue
    tissue = fade(tissue, rng) if rng.random() < 0.2 else tissue
    return overview([tissue], *frame_shape(rng)[::-1], rng, unscanned)


def _slide(name: str, rng: np.random.Generator) -> Picture:
    slide = _whole_slide(name, rng, unscanned=rng.random() < 0.15)
    return in_window(regions(slide, rng) if rng.random() < 0.25 else slide, 0.5, rng)


def _viewer(name: str, rng: np.random.Generator) -> Picture:
    """Tissue in a program's window, perhaps with other views of it, or maps of what a network saw, in a corner."""
    inner = _tissue(name, rng)
    inner = overlaid(inner, rng) if rng.random() < 0.2 else inner
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        inner = inset(inner, _tissue(name, rng) if rng.random() < 0.5 else heat(320, 240, rng), rng)
    return viewer(inner, *frame_shape(rng)[::-1], rng)


def _navigated(name: str, rng: np.random.Generator) -> Picture:
    """Tissue in a program's window that also shows the whole slide."""
    inner = navigator(_tissue(name, rng), _whole_slide(name, rng), rng)
    if rng.random() < 0.4:
        inner = inset(inner, heat(320, 240, rng) if rng.random() < 0.5 else _tissue(name, rng), rng)
    return viewer(inner, *frame_shape(rng)[::-1], rng)


def _playing(name: str, rng: np.random.Generator) -> Picture:
    """A lecture in its player, or a slide with its buttons."""
    inner = in_window(_tissue(name, rng), 0.4, rng)
    shown = player(inner, rng) if rng.random() < 0.5 else inner
    return SPOILERS["controls"](shown.copy(), rng)


def _beside_chart(name: str, rng: np.random.Generator) -> Picture:
    """A figure of a paper: tissue beside a chart."""
    half = SHAPE[1] // 2
    parts = [cv2.resize(_tissue(name, rng), (half, SHAPE[0])), chart(half, SHAPE[0], rng)]
    return np.hstack(parts if rng.random() < 0.5 else parts[::-1])


def _glowing(name: str, rng: np.random.Generator) -> Picture:
    """Tissue as a fluorescence microscope shows it."""
    return in_window(fluoresce(tissue_crop(name, rng), rng), 0.3, rng)


def _glowing_slide(name: str, rng: np.random.Generator) -> Picture:
    """Whole sections as a fluorescence scanner shows them."""
    return in_window(fluoresce(_whole_slide(name, rng), rng), 0.6, rng)


def _cell_map(name: str, rng: np.random.Generator) -> Picture:
    """Whole sections as maps of their cells."""
    return in_window(cell_map(_whole_slide(name, rng), rng), 0.6, rng)


# Name, what draws it, how many for each that is drawn of the plainest, label and flags.
GUISES: tuple[tuple[str, Draw, float, str, tuple[str, ...]], ...] = (
    ("plain", tissue_crop, 1, "histology", ()),
    ("stained", _stained, 1, "histology", ()),
    ("pale", _pale, 0.75, "histology", ()),
    ("field", _field, 0.5, "histology", ()),
    ("analysed", _analysed, 1.3, "histology", ()),
    ("slide", _slide, 1.3, "histology", ("overview",)),
    ("viewer", _viewer, 1, "histology", ("desktop", "text")),
    ("navigated", _navigated, 1, "histology", ("desktop", "text", "overview")),
    ("playing", _playing, 0.5, "histology", ("controls",)),
    ("spoiled", _tissue, 1, "histology", ()),
    ("figure", _beside_chart, 0.3, "histology", ("panels", "text")),
    ("glowing", _glowing, 1, "other", ()),
    ("glowing_slide", _glowing_slide, 1, "other", ()),
    ("cell_map", _cell_map, 1, "other", ()),
)
