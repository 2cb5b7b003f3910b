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
from stages.demo.charts import chart
from stages.demo.overview import overview
from stages.demo.real import HISTOLOGY, PHOTOGRAPHS, photograph
from stages.demo.render import arrow, head, title
from stages.demo.restain import fluoresce, glow, relight, restain, vignette
from stages.demo.spoil import SPOILERS
from stages.demo.tissue import PAINTERS, paint
from stages.demo.windows import dialog, navigator, page, viewer

SHAPE = (360, 640)
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
    for name in REAL:
        source = f"real_{name}"
        yield Kind(source, "plain", _tissue_crops, name, "histology", many)
        yield Kind(source, "stained", _stained, name, "histology", many)
        yield Kind(source, "field", _field, name, "histology", many // 2)
        yield Kind(source, "slide", _slide, name, "histology", many, ("overview",))
        yield Kind(source, "viewer", _viewer, name, "histology", many, ("desktop", "text"))
        yield Kind(source, "figure", _beside_chart, name, "histology", many // 2, ("panels", "text"))
        yield Kind(source, "glowing", _glowing, name, "other", many)
    for name in PHOTOGRAPHS:
        flags = ("person",) * (name in PERSONS) + ("text",) * (name in PAGES)
        yield Kind(f"photo_{name}", "plain", _crops, name, "other", few, flags)
    for number in range(few):
        yield Kind(f"head_{number}", "plain", _head, number, "other", few, ("person",))
        yield Kind(f"title_{number}", "plain", _title, number, "other", few, ("text",))
    for number in range(most):
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
            frame = arrow(frame, rng.uniform(50, SHAPE[1] - 50), rng.uniform(50, SHAPE[0] - 50))
        write_bytes(out / f"{name}.jpg", jpeg(Image.fromarray(frame), int(rng.integers(70, 95))))
        flags = {flag: int(flag in shown) for flag in SPOILERS}
        rows.append({"file": f"{name}.jpg", "label": kind.label, "source": kind.source} | flags)
    return rows


def _drawn(tissue: str, rng: np.random.Generator) -> Picture:
    zoom = float(rng.choice([0.5, 1.0, 1.0, 2.0]))
    slide = paint(tissue, int(SHAPE[0] * zoom * 1.5), int(SHAPE[1] * zoom * 1.5), rng)
    return cv2.resize(slide, SHAPE[::-1], interpolation=cv2.INTER_AREA if zoom > 0.7 else cv2.INTER_LINEAR)


def _crops(name: str, rng: np.random.Generator) -> Picture:
    """A random part of a photograph, at least a third of its sides, mirrored half of the time."""
    return cv2.resize(_part(name, rng), SHAPE[::-1], interpolation=cv2.INTER_AREA)


def _tissue_crops(name: str, rng: np.random.Generator) -> Picture:
    """A random part of a real slide that is not mostly bare background."""
    return cv2.resize(_tissue_part(name, rng), SHAPE[::-1], interpolation=cv2.INTER_AREA)


def _part(name: str, rng: np.random.Generator) -> Picture:
    """As `_crops`, in its own pixels."""
    image = photograph(name)
    share = rng.uniform(0.35, 1.0)
    height, width = int(image.shape[0] * share), int(image.shape[1] * share)
    top, left = int(rng.integers(image.shape[0] - height + 1)), int(rng.integers(image.shape[1] - width + 1))
    part = image[top : top + height, left : left + width]
    return np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)


def _tissue_part(name: str, rng: np.random.Generator) -> Picture:
    part = _part(name, rng)
    while (cv2.cvtColor(part, cv2.COLOR_RGB2HSV)[..., 1] > 20).mean() < MIN_TISSUE:
        part = _part(name, rng)
    return part


def _title(number: int, rng: np.random.Generator) -> Picture:
    return cv2.resize(title("Pathology lecture " * (1 + number % 2), int(rng.integers(1 << 30))), SHAPE[::-1])


def _head(number: int, rng: np.random.Generator) -> Picture:
    return cv2.resize(head(float(rng.uniform(0, 9)), int(rng.integers(1 << 30))), SHAPE[::-1])


def _not_tissue(rng: np.random.Generator) -> Picture:
    """Anything that a program may show in place of tissue."""
    drawers = (_chart, _dialog, _page, _nuclei)
    which = int(rng.integers(len(drawers) + 1))
    return drawers[which](0, rng) if which < len(drawers) else _crops(str(rng.choice(list(PHOTOGRAPHS))), rng)


def _stained(name: str, rng: np.random.Generator) -> Picture:
    return relight(restain(_tissue_crops(name, rng), rng), rng)


def _field(name: str, rng: np.random.Generator) -> Picture:
    return vignette(relight(_tissue_crops(name, rng), rng), rng)


def _slide(name: str, rng: np.random.Generator) -> Picture:
    """A whole slide with sections of the tissue `name`, in a viewer now and then."""
    tissue = relight(_tissue_part(name, rng), rng)
    if rng.random() < 0.3:
        tissue = restain(cv2.resize(tissue, (600, 600), interpolation=cv2.INTER_AREA), rng)
    image = overview([tissue], *SHAPE[::-1], rng)
    return viewer(image, *SHAPE[::-1], rng) if rng.random() < 0.3 else image


def _viewer(name: str, rng: np.random.Generator) -> Picture:
    """Tissue, or a whole slide, in a program's window."""
    inner = relight(_tissue_crops(name, rng), rng) if rng.random() < 0.7 else _slide(name, rng)
    inner = navigator(inner, _slide(name, rng), rng) if rng.random() < 0.5 else inner
    return viewer(inner, *SHAPE[::-1], rng)


def _beside_chart(name: str, rng: np.random.Generator) -> Picture:
    """A figure of a paper: tissue beside a chart."""
    half = SHAPE[1] // 2
    parts = [cv2.resize(relight(_tissue_crops(name, rng), rng), (half, SHAPE[0])), chart(half, SHAPE[0], rng)]
    return np.hstack(parts if rng.random() < 0.5 else parts[::-1])


def _chart(number: int, rng: np.random.Generator) -> Picture:
    return chart(*SHAPE[::-1], rng)


def _dialog(number: int, rng: np.random.Generator) -> Picture:
    return dialog(*SHAPE[::-1], rng)


def _page(number: int, rng: np.random.Generator) -> Picture:
    return page(*SHAPE[::-1], rng)


def _glowing(name: str, rng: np.random.Generator) -> Picture:
    """Tissue as a fluorescence microscope shows it, in a program now and then."""
    image = fluoresce(_tissue_crops(name, rng), rng)
    return viewer(image, *SHAPE[::-1], rng) if rng.random() < 0.2 else image


def _nuclei(number: int, rng: np.random.Generator) -> Picture:
    """Photographed fluorescent nuclei."""
    return glow([cv2.cvtColor(_crops("nuclei", rng), cv2.COLOR_RGB2GRAY)], rng)


def _other_program(number: int, rng: np.random.Generator) -> Picture:
    """A window that looks like a slide viewer's and shows no tissue."""
    inner = _not_tissue(rng)
    inner = navigator(inner, inner, rng) if rng.random() < 0.4 else inner
    return viewer(inner, *SHAPE[::-1], rng)


_PROGRAMS: tuple[tuple[str, Draw, tuple[str, ...]], ...] = (
    ("chart", _chart, ("text",)),
    ("dialog", _dialog, ("desktop", "text")),
    ("page", _page, ("text",)),
    ("nuclei", _nuclei, ()),
    ("program", _other_program, ("desktop", "text")),
)
