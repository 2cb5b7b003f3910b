"""Labelled frames that the frame filter learns from: tissue of other seeds than the videos', and what is not tissue.

Real tissue is shown under many stains and lights, in the programs, figures and whole slides in which lectures show it;
against it stand the same programs without tissue, charts, pages, fluorescence, people and photographs.
"""

from collections.abc import Iterator
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
from stages.demo.analysed import masks, spots
from stages.demo.charts import chart
from stages.demo.guises import GUISES, SHAPE, Draw, crop, frame_shape, in_window, overlaid
from stages.demo.insets import heat, navigator
from stages.demo.pages import page
from stages.demo.radiology import scan
from stages.demo.real import HISTOLOGY, PHOTOGRAPHS, photograph, segmented
from stages.demo.render import arrow, head, title
from stages.demo.restain import glow, relight, restain
from stages.demo.smear import smear
from stages.demo.spoil import SPOILERS
from stages.demo.tissue import PAINTERS, paint
from stages.demo.windows import dialog, viewer

COUNTS = {"small": (7, 4, 24), "tiny": (4, 2, 3)}  # frames of a real slide in each guise, of a source, of a program
REAL = ("skin", *HISTOLOGY)
PERSONS = ("astronaut", "hopper")  # photographs of people
PAGES = ("page", "text")  # photographs of pages


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
        yield Kind(f"drawn_{tissue}", "spoiled", _drawn, tissue, "histology", few // 2)
        yield Kind(f"drawn_{tissue}", "analysed", _drawn_analysed, tissue, "histology", few // 2)
    for name in REAL:
        for guise, draw, share, label, flags in GUISES:
            yield Kind(f"real_{name}", guise, draw, name, label, round(many * share), flags)
    for name in PHOTOGRAPHS:
        flags = ("person",) * (name in PERSONS) + ("text",) * (name in PAGES)
        yield Kind(f"real-photo_{name}", "plain", crop, name, "other", few, flags)
    yield Kind("real-nuclei_cells", "glowing", _nuclei, 0, "other", most)
    yield Kind("real-nuclei_cells", "masks", _cells, 0, "other", most)
    for number in range(few):
        yield Kind(f"card_head{number}", "plain", _head, number, "other", few, ("person",))
        yield Kind(f"card_title{number}", "plain", _title, number, "other", few, ("text",))
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
    zoom = float(rng.choice([0.5, 1.0, 1.0, 1.5]))
    slide = paint(tissue, int(SHAPE[0] * zoom * 1.5), int(SHAPE[1] * zoom * 1.5), rng)
    return cv2.resize(slide, SHAPE[::-1], interpolation=cv2.INTER_AREA if zoom > 0.7 else cv2.INTER_LINEAR)


def _drawn_analysed(tissue: str, rng: np.random.Generator) -> Picture:
    return overlaid(relight(_drawn(tissue, rng), rng), rng)


def _smear(number: int, rng: np.random.Generator) -> Picture:
    cells = relight(smear(*frame_shape(rng)[::-1], rng), rng)
    cells = restain(cells, rng) if rng.random() < 0.6 else cells
    return overlaid(cells, rng) if rng.random() < 0.3 else in_window(cells, 0.2, rng)


def _title(number: int, rng: np.random.Generator) -> Picture:
    return cv2.resize(title("Pathology lecture " * (1 + number % 2), int(rng.integers(1 << 30))), SHAPE[::-1])


def _head(number: int, rng: np.random.Generator) -> Picture:
    return cv2.resize(head(float(rng.uniform(0, 9)), int(rng.integers(1 << 30))), SHAPE[::-1])


def _not_tissue(rng: np.random.Generator) -> Picture:
    """Anything that a program may show in place of tissue."""
    drawers = (_chart, _dialog, _page, _nuclei, _cells, _scan, _scan, _heat)
    which = int(rng.integers(len(drawers) + 1))
    return drawers[which](0, rng) if which < len(drawers) else crop(str(rng.choice(list(PHOTOGRAPHS))), rng)


def _chart(number: int, rng: np.random.Generator) -> Picture:
    return chart(*frame_shape(rng)[::-1], rng)


def _heat(number: int, rng: np.random.Generator) -> Picture:
    return heat(*frame_shape(rng)[::-1], rng)


def _dialog(number: int, rng: np.random.Generator) -> Picture:
    return dialog(*frame_shape(rng)[::-1], rng)


def _page(number: int, rng: np.random.Generator) -> Picture:
    return page(*frame_shape(rng)[::-1], rng)


def _scan(number: int, rng: np.random.Generator) -> Picture:
    return scan(*frame_shape(rng)[::-1], rng)


def _workstation(number: int, rng: np.random.Generator) -> Picture:
    """A radiologist's program."""
    return viewer(_scan(number, rng), *frame_shape(rng)[::-1], rng)


def _nuclei(number: int, rng: np.random.Generator) -> Picture:
    """Photographed fluorescent nuclei."""
    return glow([cv2.cvtColor(crop("nuclei", rng), cv2.COLOR_RGB2GRAY)], rng)


def _cells(number: int, rng: np.random.Generator) -> Picture:
    """What a segmentation made of these nuclei, alone or in a figure beside them: a row, or a grid."""
    rows, columns = ((1, 1), (1, 2), (1, 3), (2, 2), (2, 3))[int(rng.integers(5))]
    size, gap = (640 // columns, 400 // rows), int(rng.integers(0, 8))
    ground = int(rng.choice([0, 255]))
    parts = []
    for n in range(rows * columns):
        part = _nuclei(0, rng) if n % 2 else _masks(rng)
        framed = cv2.resize(part, (size[0] - 2 * gap, size[1] - 2 * gap), interpolation=cv2.INTER_AREA)
        cv2.putText(framed, str(n + 1), (8, 22), 0, 0.6, (200, 200, 200), 1, cv2.LINE_AA)
        parts.append(cv2.copyMakeBorder(framed, *(gap,) * 4, cv2.BORDER_CONSTANT, value=(ground,) * 3))
    return in_window(
        np.vstack([np.hstack(parts[row * columns : (row + 1) * columns]) for row in range(rows)]), 0.3, rng
    )


def _masks(rng: np.random.Generator) -> Picture:
    """The nuclei that a segmentation found, as such or over their photograph."""
    top, left = rng.integers(0, 200, 2)
    place = np.s_[top : top + 300, left : left + 300]
    found = masks(segmented()[place], rng)
    if rng.random() < 0.5:
        return found
    seen = glow([cv2.cvtColor(photograph("nuclei")[place], cv2.COLOR_RGB2GRAY)], rng)
    return np.maximum(seen, found) if found.mean() < 128 else seen


def _spots(number: int, rng: np.random.Generator) -> Picture:
    """A map of cells."""
    return in_window(spots(*frame_shape(rng)[::-1], rng), 0.6, rng)


def _diagram(number: int, rng: np.random.Generator) -> Picture:
    """A method at a glance: pictures in a row or grid, joined by arrows."""
    drawers = (_nuclei, _cells, _scan, _scan, _chart)
    shown = [drawers[int(rng.integers(len(drawers)))](0, rng) for _ in range(int(rng.integers(2, 5)))]
    return page(*frame_shape(rng)[::-1], rng, shown)


def _other_program(number: int, rng: np.random.Generator) -> Picture:
    """A window that looks like a slide viewer's and shows no tissue."""
    inner = _not_tissue(rng)
    inner = navigator(inner, inner, rng) if rng.random() < 0.4 else inner
    return viewer(inner, *frame_shape(rng)[::-1], rng)


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
