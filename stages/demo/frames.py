"""Labelled frames for the frame filter: tissue from other seeds than the videos', and frames that show no tissue."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image

from stages.common.data.arrays import Picture
from stages.common.data.files import jpeg, write_bytes
from stages.demo.real import HISTOLOGY, PHOTOGRAPHS, photograph
from stages.demo.render import arrow, head, title
from stages.demo.spoil import SPOILERS
from stages.demo.tissue import PAINTERS, paint

SHAPE = (360, 640)
COUNTS = {"small": (7, 4), "tiny": (4, 2)}
MIN_TISSUE = 0.25  # share of a frame that must be stained: bare background teaches nothing
# What the frames that are not tissue show; of photographs only what nobody can doubt.
SHOWS = {"head": ("person",), "title": ("text",), "bullets": ("text",), "desktop": ("desktop", "text")}
SHOWS |= {"photo_astronaut": ("person",), "photo_page": ("text",), "photo_text": ("text",)}


def make_frames(out: Path, size: str, seed: int, jobs: int) -> dict[str, Any]:
    """Write `out`/ID.jpg and `out`/labels.csv (file, label, source, flags); frames of one source share a group."""
    many, few = COUNTS[size]
    sources: list[Any] = [(f"drawn_{tissue}", _drawn, tissue, "histology", few) for tissue in PAINTERS]
    sources += [(f"spoiled_{tissue}", _drawn, tissue, "histology", few) for tissue in PAINTERS]
    sources += [(f"real_{name}", _tissue_crops, name, "histology", many) for name in ("skin", *HISTOLOGY)]
    sources += [(f"photo_{name}", _crops, name, "other", few) for name in PHOTOGRAPHS]
    sources += [(f"{kind}_{n}", drawer, n, "other", few) for kind, drawer in _OTHER.items() for n in range(few)]
    calls = (delayed(_make_source)(out, *source, seed) for source in sources)
    rows = [row for group in Parallel(n_jobs=jobs)(calls) for row in group]
    write_bytes(out / "labels.csv", pd.DataFrame(rows).to_csv(index=False).encode())
    return {"items": len(rows)}


def _make_source(
    out: Path,
    source: str,
    drawer: Callable[[Any, np.random.Generator], Picture],
    what: Any,
    label: str,
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    rows = []
    for n in range(count):
        rng = np.random.default_rng([seed, 77, *source.encode(), n])
        frame = drawer(what, rng)
        shown = set(SHOWS.get(source, SHOWS.get(source.split("_")[0], ())))
        if source.startswith("spoiled"):
            shown = set(rng.choice(list(SPOILERS), int(rng.integers(1, 3)), replace=False))
            for name in (name for name in SPOILERS if name in shown):
                frame = SPOILERS[name](frame, rng)
            shown |= {"text"} & {"text" if name in ("desktop", "panels") else "" for name in shown}
        if rng.random() < 0.3:
            frame = arrow(frame, rng.uniform(50, SHAPE[1] - 50), rng.uniform(50, SHAPE[0] - 50))
        file = f"{source}_{n}.jpg"
        write_bytes(out / file, jpeg(Image.fromarray(frame), int(rng.integers(70, 95))))
        rows.append({"file": file, "label": label, "source": source} | {flag: int(flag in shown) for flag in SPOILERS})
    return rows


def _drawn(tissue: str, rng: np.random.Generator) -> Picture:
    zoom = float(rng.choice([0.5, 1.0, 1.0, 2.0]))
    slide = paint(tissue, int(SHAPE[0] * zoom * 1.5), int(SHAPE[1] * zoom * 1.5), rng)
    return cv2.resize(slide, SHAPE[::-1], interpolation=cv2.INTER_AREA if zoom > 0.7 else cv2.INTER_LINEAR)


def _crops(name: str, rng: np.random.Generator) -> Picture:
    """A random part of a photograph, at least a third of its sides, mirrored half of the time."""
    image = photograph(name)
    share = rng.uniform(0.35, 1.0)
    height, width = int(image.shape[0] * share), int(image.shape[1] * share)
    top, left = int(rng.integers(image.shape[0] - height + 1)), int(rng.integers(image.shape[1] - width + 1))
    part = image[top : top + height, left : left + width]
    part = part[:, ::-1] if rng.random() < 0.5 else part
    return cv2.resize(np.ascontiguousarray(part), SHAPE[::-1], interpolation=cv2.INTER_AREA)


def _tissue_crops(name: str, rng: np.random.Generator) -> Picture:
    """A random part of a real slide that is not mostly bare background."""
    part = _crops(name, rng)
    while (cv2.cvtColor(part, cv2.COLOR_RGB2HSV)[..., 1] > 20).mean() < MIN_TISSUE:
        part = _crops(name, rng)
    return part


def _title(number: int, rng: np.random.Generator) -> Picture:
    return cv2.resize(title("Pathology lecture " * (1 + number % 2), int(rng.integers(1 << 30))), SHAPE[::-1])


def _head(number: int, rng: np.random.Generator) -> Picture:
    return cv2.resize(head(float(rng.uniform(0, 9)), int(rng.integers(1 << 30))), SHAPE[::-1])


def _desktop(number: int, rng: np.random.Generator) -> Picture:
    """Windows with text on a plain background."""
    frame = np.empty((*SHAPE, 3), np.uint8)
    frame[:] = rng.integers(20, 200, 3)
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.integers(0, 380)), int(rng.integers(0, 200))
        w, h = int(rng.integers(160, 260)), int(rng.integers(90, 160))
        cv2.rectangle(frame, (x, y), (x + w, y + h), (245, 245, 245), -1)
        cv2.rectangle(frame, (x, y), (x + w, y + 14), tuple(int(v) for v in rng.integers(40, 160, 3)), -1)
        for line in range(y + 30, y + h - 6, 14):
            cv2.putText(
                frame, "file view tools data"[: int(rng.integers(5, 20))], (x + 8, line), 0, 0.4, (40, 40, 40), 1
            )
    return frame


def _bullets(number: int, rng: np.random.Generator) -> Picture:
    """A lecture slide with bullet points and perhaps a chart."""
    frame = np.full((*SHAPE, 3), 250, np.uint8)
    cv2.putText(frame, "Differential diagnosis", (30, 50), 0, 1.0, (20, 20, 90), 2)
    for n, line in enumerate(
        ("history and clinic", "immunohistochemistry", "molecular findings", "prognosis", "references")
    ):
        cv2.putText(frame, f"- {line}", (40, 100 + 45 * n), 0, 0.7, (10, 10, 10), 1, cv2.LINE_AA)
    if rng.random() < 0.5:
        for n in range(5):
            height = int(rng.integers(20, 180))
            colour = tuple(int(v) for v in rng.integers(40, 220, 3))
            cv2.rectangle(frame, (400 + 40 * n, 320 - height), (430 + 40 * n, 320), colour, -1)
    return frame


_OTHER: dict[str, Callable[[int, np.random.Generator], Picture]] = {
    "title": _title,
    "head": _head,
    "desktop": _desktop,
    "bullets": _bullets,
}
