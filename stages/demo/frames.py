"""Labelled frames that the frame filter learns from: tissue of other seeds than the videos', and what is not tissue.

Real tissue is shown under many stains and lights, in the programs, figures and whole slides in which lectures show it;
against it stand the same programs without tissue, charts, pages, fluorescence, people and photographs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image

from stages.common.data.arrays import Picture
from stages.common.data.files import jpeg, write_bytes
from stages.demo.analysed import ink, masks, outline, spots
from stages.demo.charts import chart
from stages.demo.overview import overview
from stages.demo.pages import page
from stages.demo.radiology import scan
from stages.demo.real import HISTOLOGY, PHOTOGRAPHS, photograph, segmented
from stages.demo.render import arrow, head, title
from stages.demo.restain import fluoresce, glow, relight, restain, vignette
from stages.demo.smear import smear
from stages.demo.spoil import SPOILERS
from stages.demo.tissue import PAINTERS, paint
from stages.demo.windows import dialog, navigator, viewer

SHAPE = (360, 640)  # a lecture's frame
SHAPES = (*[SHAPE] * 3, (480, 640), (480, 480), (640, 480), (270, 640))  # and a region's or a picture's
COUNTS = {"small": (7, 4, 24), "tiny": (4, 2, 3)}  # frames of a real slide in each guise, of a source, of a program
MIN_TISSUE = 0.25  # share of a frame that must be stained: bare background teaches nothing
REAL = ("skin", *HISTOLOGY)
PERSONS = ("astronaut", "hopper")  # photographs of people
PAGES = ("page", "text")  # photographs of pages

Draw = Callable[[Any, np.random.Generator], Picture]


@dataclass(frozen=True)
class Kind:
    """Frames of one kind from one source; sources of one name are never in both parts of a test."""

    source: str
    name: str
    draw: Draw
    what: Any
    label: str
    count: int
    flags: tuple[str, ...] = ()


def make_frames(out: Path, size: str, seed: int, jobs: int) -> dict[str, Any]:
    """Write `out`/ID.jpg and `out`/labels.csv (file, label, source, flags); frames of one source share a group."""
    calls = (delayed(_make_kind)(out, kind, seed) for kind in _kinds(*COUNTS[size]))
    rows = [row for group in Parallel(n_jobs=jobs)(calls) for row in group]
    write_bytes(out / "labels.csv", pd.DataFrame(rows).to_csv(index=False).encode())
    return {"items": len(rows)}


def _kinds(many: int, few: int, most: int) -> Iterator[Kind]:
    for tissue in PAINTERS:
        yield Kind(f"drawn_{tissue}", "plain", _drawn, tissue, "histology", few)
        yield Kind(f"drawn_{tissue}", "spoiled", _drawn, tissue, "histology", few)
        yield Kind(f"drawn_{tissue}", "analysed", _drawn_analysed, tissue, "histology", few // 2)
    for name in REAL:
        source = f"real_{name}"
        yield Kind(source, "plain", _tissue_crops, name, "histology", many)
        yield Kind(source, "stained", _stained, name, "histology", many)
        yield Kind(source, "field", _field, name, "histology", many // 2)
        yield Kind(source, "analysed", _analysed, name, "histology", many)
        yield Kind(source, "slide", _slide, name, "histology", many, ("overview",))
        yield Kind(source, "viewer", _viewer, name, "histology", 2 * many, ("desktop", "text"))
        yield Kind(source, "figure", _beside_chart, name, "histology", many // 2, ("panels", "text"))
        yield Kind(source, "glowing", _glowing, name, "other", many)
        yield Kind(source, "glowing_slide", _glowing_slide, name, "other", many // 2)
    for name in PHOTOGRAPHS:
        flags = ("person",) * (name in PERSONS) + ("text",) * (name in PAGES)
        yield Kind(f"real-photo_{name}", "plain", _crops, name, "other", few, flags)
    yield Kind("real-nuclei_cells", "glowing", _nuclei, 0, "other", most)
    yield Kind("real-nuclei_cells", "masks", _cells, 0, "other", most)
    for number in range(few):
        yield Kind(f"head_{number}", "plain", _head, number, "other", few, ("person",))
        yield Kind(f"title_{number}", "plain", _title, number, "other", few, ("text",))
    for number in range(most):
        yield Kind(f"drawn_smear{number}", "plain", _smear, number, "histology", few // 2)
        for name, drawer, flags in _PROGRAMS:
            yield Kind(f"{name}_{number}", "plain", drawer, number, "other", few // 2, flags)


def _make_kind(out: Path, kind: Kind, seed: int) -> list[dict[str, Any]]:
    rows = []
    for n in range(kind.count):
        name = f"{kind.source}_{kind.name}_{n}"
        rng = np.random.default_rng([seed, 77, *name.encode()])
        frame = kind.draw(kind.what, rng)
        shown = set(kind.flags)
        if kind.name == "spoiled":
            shown = set(rng.choice(list(SPOILERS), int(rng.integers(1, 3)), replace=False))
            for spoiler in (one for one in SPOILERS if one in shown):
                frame = SPOILERS[spoiler](frame, rng)
            shown |= {"text"} if shown & {"desktop", "panels"} else set()
        if rng.random() < 0.3:
            frame = arrow(frame, rng.uniform(50, frame.shape[1] - 50), rng.uniform(50, frame.shape[0] - 50))
        write_bytes(out / f"{name}.jpg", jpeg(Image.fromarray(frame), int(rng.integers(70, 95))))
        flags = {flag: int(flag in shown) for flag in SPOILERS}
        rows.append({"file": f"{name}.jpg", "label": kind.label, "source": kind.source} | flags)
    return rows


def _drawn(tissue: str, rng: np.random.Generator) -> Picture:
    zoom = float(rng.choice([0.5, 1.0, 1.0, 2.0]))
    slide = paint(tissue, int(SHAPE[0] * zoom * 1.5), int(SHAPE[1] * zoom * 1.5), rng)
    return cv2.resize(slide, SHAPE[::-1], interpolation=cv2.INTER_AREA if zoom > 0.7 else cv2.INTER_LINEAR)


def _drawn_analysed(tissue: str, rng: np.random.Generator) -> Picture:
    return _overlaid(relight(_drawn(tissue, rng), rng), rng)


def _smear(number: int, rng: np.random.Generator) -> Picture:
    cells = relight(smear(*_shape(rng)[::-1], rng), rng)
    cells = restain(cells, rng) if rng.random() < 0.6 else cells
    return _overlaid(cells, rng) if rng.random() < 0.3 else _in_window(cells, 0.2, rng)


def _shape(rng: np.random.Generator) -> tuple[int, int]:
    """Height and width of a frame."""
    return SHAPES[int(rng.integers(len(SHAPES)))]


def _crops(name: str, rng: np.random.Generator) -> Picture:
    """A random part of a photograph, mirrored half of the time."""
    return _part(name, rng, _shape(rng))


def _tissue_crops(name: str, rng: np.random.Generator) -> Picture:
    """A random part of a real slide that is not mostly bare background."""
    shape = _shape(rng)
    part = _part(name, rng, shape)
    while (cv2.cvtColor(part, cv2.COLOR_RGB2HSV)[..., 1] > 20).mean() < MIN_TISSUE:
        part = _part(name, rng, shape)
    return part


def _part(name: str, rng: np.random.Generator, shape: tuple[int, int]) -> Picture:
    """A part of a photograph of the aspect of `shape`, at least a third of what fits, in as many pixels."""
    image = photograph(name)
    scale = min(image.shape[0] / shape[0], image.shape[1] / shape[1]) * rng.uniform(0.35, 1.0)
    height, width = int(shape[0] * scale), int(shape[1] * scale)
    top, left = int(rng.integers(image.shape[0] - height + 1)), int(rng.integers(image.shape[1] - width + 1))
    part = image[top : top + height, left : left + width]
    part = np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)
    return cv2.resize(part, shape[::-1], interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)


def _title(number: int, rng: np.random.Generator) -> Picture:
    return cv2.resize(title("Pathology lecture " * (1 + number % 2), int(rng.integers(1 << 30))), SHAPE[::-1])


def _head(number: int, rng: np.random.Generator) -> Picture:
    return cv2.resize(head(float(rng.uniform(0, 9)), int(rng.integers(1 << 30))), SHAPE[::-1])


def _not_tissue(rng: np.random.Generator) -> Picture:
    """Anything that a program may show in place of tissue."""
    drawers = (_chart, _dialog, _page, _nuclei, _cells, _scan, _scan)
    which = int(rng.integers(len(drawers) + 1))
    return drawers[which](0, rng) if which < len(drawers) else _crops(str(rng.choice(list(PHOTOGRAPHS))), rng)


def _in_window(inner: Picture, share: float, rng: np.random.Generator) -> Picture:
    """`inner`, in a program's window in this `share` of the calls."""
    return viewer(inner, *_shape(rng)[::-1], rng) if rng.random() < share else inner


def _stained(name: str, rng: np.random.Generator) -> Picture:
    return relight(restain(_tissue_crops(name, rng), rng), rng)


def _field(name: str, rng: np.random.Generator) -> Picture:
    return vignette(relight(_tissue_crops(name, rng), rng), rng)


def _analysed(name: str, rng: np.random.Generator) -> Picture:
    return _overlaid(relight(_tissue_crops(name, rng), rng), rng)


def _overlaid(tissue: Picture, rng: np.random.Generator) -> Picture:
    """`tissue` with a pen's mark on it, or with what an analysis found."""
    return ink(tissue, rng) if rng.random() < 0.5 else _in_window(outline(tissue, rng), 0.5, rng)


def _whole_slide(name: str, rng: np.random.Generator) -> Picture:
    """A whole slide with sections of the tissue `name`."""
    tissue = relight(_tissue_crops(name, rng), rng)
    return overview([restain(tissue, rng) if rng.random() < 0.3 else tissue], *_shape(rng)[::-1], rng)


def _slide(name: str, rng: np.random.Generator) -> Picture:
    return _in_window(_whole_slide(name, rng), 0.3, rng)


def _viewer(name: str, rng: np.random.Generator) -> Picture:
    """Tissue, or a whole slide, in a program's window."""
    inner = relight(_tissue_crops(name, rng), rng) if rng.random() < 0.7 else _slide(name, rng)
    for _ in range(int(rng.choice([0, 0, 1, 1, 2]))):
        beside = _slide(name, rng) if rng.random() < 0.6 else _tissue_crops(name, rng)
        inner = navigator(inner, beside, rng)
    return viewer(inner, *_shape(rng)[::-1], rng)


def _beside_chart(name: str, rng: np.random.Generator) -> Picture:
    """A figure of a paper: tissue beside a chart."""
    half = SHAPE[1] // 2
    parts = [cv2.resize(relight(_tissue_crops(name, rng), rng), (half, SHAPE[0])), chart(half, SHAPE[0], rng)]
    return np.hstack(parts if rng.random() < 0.5 else parts[::-1])


def _chart(number: int, rng: np.random.Generator) -> Picture:
    return chart(*_shape(rng)[::-1], rng)


def _dialog(number: int, rng: np.random.Generator) -> Picture:
    return dialog(*_shape(rng)[::-1], rng)


def _page(number: int, rng: np.random.Generator) -> Picture:
    return page(*_shape(rng)[::-1], rng)


def _scan(number: int, rng: np.random.Generator) -> Picture:
    return scan(*_shape(rng)[::-1], rng)


def _workstation(number: int, rng: np.random.Generator) -> Picture:
    """A radiologist's program."""
    return viewer(_scan(number, rng), *_shape(rng)[::-1], rng)


def _glowing(name: str, rng: np.random.Generator) -> Picture:
    """Tissue as a fluorescence microscope shows it."""
    return _in_window(fluoresce(_tissue_crops(name, rng), rng), 0.3, rng)


def _glowing_slide(name: str, rng: np.random.Generator) -> Picture:
    """Whole sections as a fluorescence scanner shows them."""
    return _in_window(fluoresce(_whole_slide(name, rng), rng), 0.5, rng)


def _nuclei(number: int, rng: np.random.Generator) -> Picture:
    """Photographed fluorescent nuclei."""
    return glow([cv2.cvtColor(_crops("nuclei", rng), cv2.COLOR_RGB2GRAY)], rng)


def _cells(number: int, rng: np.random.Generator) -> Picture:
    """What a segmentation made of these nuclei, alone or in a figure beside them."""
    top, left = rng.integers(0, 200, 2)
    found = masks(segmented()[top : top + 300, left : left + 300], rng)
    parts = [cv2.resize(found, (320, SHAPE[0]), interpolation=cv2.INTER_NEAREST)]
    parts += [cv2.resize(_nuclei(0, rng), (320, SHAPE[0])) for _ in range(int(rng.integers(0, 3)))]
    framed = [cv2.copyMakeBorder(part, 6, 6, 6, 6, cv2.BORDER_CONSTANT, value=(255, 255, 255)) for part in parts]
    return _in_window(np.hstack(framed), 0.3, rng)


def _spots(number: int, rng: np.random.Generator) -> Picture:
    """A map of cells."""
    return _in_window(spots(*_shape(rng)[::-1], rng), 0.6, rng)


def _diagram(number: int, rng: np.random.Generator) -> Picture:
    """A method at a glance: pictures in a row or grid, joined by arrows."""
    drawers = (_nuclei, _cells, _scan, _scan, _chart)
    shown = [drawers[int(rng.integers(len(drawers)))](0, rng) for _ in range(int(rng.integers(2, 5)))]
    return page(*_shape(rng)[::-1], rng, shown)


def _other_program(number: int, rng: np.random.Generator) -> Picture:
    """A window that looks like a slide viewer's and shows no tissue."""
    inner = _not_tissue(rng)
    inner = navigator(inner, inner, rng) if rng.random() < 0.4 else inner
    return viewer(inner, *_shape(rng)[::-1], rng)


_PROGRAMS: tuple[tuple[str, Draw, tuple[str, ...]], ...] = (
    ("chart", _chart, ("text",)),
    ("graph", _chart, ("text",)),
    ("dialog", _dialog, ("desktop", "text")),
    ("page", _page, ("text",)),
    ("spots", _spots, ()),
    ("diagram", _diagram, ("text",)),
    ("scan", _scan, ()),
    ("workstation", _workstation, ("desktop", "text")),
    ("program", _other_program, ("desktop", "text")),
)
