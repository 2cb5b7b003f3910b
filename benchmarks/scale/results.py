"""Made-up results that stand for what is expensive: downloads, decoders, recognition, networks.

Each function takes the place of one of the stages' (`seams.py`) and writes files of the real form and of a real
lecture's size, a few made once in each process and copied under the name of the item. Counts follow from the number in
an item's name, so that any number of videos has its share of Quilt-1M's images and pairs.
"""

import functools
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.narration import sentences
from stages.common.data.files import jpeg, write_bytes
from stages.common.data.tars import write_tar
from stages.common.frame_filter.prediction import FLAGS
from stages.common.incremental.runner import Item
from stages.common.tables.captions import CAPTIONS
from stages.common.tables.keyframes import (
    CUTS_MEMBER,
    HOLDS,
    NOT_HISTOLOGY,
    OVERLAYS,
    OVERLAYS_MEMBER,
    PASSED,
    PASSED_MEMBER,
)
from stages.common.tables.rois import BOXES, TRACE
from stages.common.tables.transcripts import TRANSCRIPT

VIDEOS, IMAGES_OF_VIDEOS, PAIRS_OF_VIDEOS = 4_504, 437_878, 802_148  # Quilt's
OTHERS = {"pubmed": 59_371, "openpath": 133_511, "laion": 22_682}  # pairs of the other sources of Quilt-1M
OWN = 10_000  # rows of a table of a user's own
EVALSET_IMAGES = 100_000
VIDEO_S = 869.0  # seconds: 1,087 hours over all videos
WORDS = 10  # of a sentence, so that a video has 140 words a minute
UNPAIRED = 20  # sentences of a video that are neither medical nor of a region
TRACE_POINTS, OVERLAY_ROWS, GESTURES = 2_000, 2_000, 20  # of a video
TEXTS = 2_000  # different sentences, before the number of the case
CASE = b"CASE"  # where that number goes


def share(total: int, number: int) -> int:
    """How many of `total` over all VIDEOS the video of this number has; sums are exact at VIDEOS."""
    return (number + 1) * total // VIDEOS - number * total // VIDEOS


def number_of(name: str) -> int:
    """The number in a video's name."""
    return int(name.removeprefix("video"))


@functools.cache
def picture() -> bytes:
    """A JPEG of the least size that every filter passes."""
    return jpeg(Image.new("RGB", (160, 160), (200, 120, 180)), 50)


@functools.cache
def texts() -> list[str]:
    """Sentences of WORDS words each, cut or filled up."""
    return [" ".join((one.rstrip(".").split() + ["tissue"] * WORDS)[:WORDS]) for one in sentences(TEXTS, seed=3)]


def shape(name: str) -> tuple[int, int]:
    """How many holds, and how many sentences that belong to one, a video has."""
    return share(IMAGES_OF_VIDEOS, number_of(name)), share(PAIRS_OF_VIDEOS, number_of(name))


def spans(holds: int, lines: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Start and end of each hold of a video, and of each sentence that belongs to one."""
    step, owner = VIDEO_S / holds, [n * holds // lines for n in range(lines)]
    spoken = []
    for hold in range(holds):
        width = (step - 1.0) / max(owner.count(hold), 1)
        spoken += [(hold * step + n * width, hold * step + (n + 0.9) * width) for n in range(owner.count(hold))]
    return [(n * step, (n + 1) * step - 1.0) for n in range(holds)], spoken


def keyframes(item: Item, scratch: Path, **_: Any) -> None:
    """A region for each hold of the video, with an image of its own."""
    table, tar = _keyframes(*shape(item.id))
    write_bytes(scratch / f"{item.id}.tar", tar)
    HOLDS.write(scratch / f"{item.id}.parquet", table.assign(hold_id=item.id + table.hold_id))


@functools.cache
def _keyframes(holds: int, lines: int) -> tuple[pd.DataFrame, bytes]:
    rows = [
        {
            "hold_id": f"_{n:04d}",
            "region": 0,
            "start_s": start,
            "end_s": end,
            **dict.fromkeys(("x0", "y0"), 0.0),
            **dict.fromkeys(("x1", "y1"), 1.0),
            "histology_prob": 0.97,
            "width": 160,
            "height": 160,
            "image": f"{n:04d}.jpg",
            "magnification": float(n % 3),
            "magnification_how": "estimated",
            "blur": 0.2,
            "background": 0.1,
            **dict.fromkeys([f"flag_{flag}" for flag in FLAGS], 0.1),
        }
        for n, (start, end) in enumerate(spans(holds, lines)[0])
    ]
    members = {f"{n:04d}.jpg": picture() for n in range(holds)}
    members |= {CUTS_MEMBER: b"[]\n", OVERLAYS_MEMBER: _overlays(), PASSED_MEMBER: _passed_over()}
    with tempfile.TemporaryDirectory() as folder:
        write_tar(path := Path(folder) / "one.tar", members)
        return pd.DataFrame(rows), path.read_bytes()


@functools.cache
def _passed_over() -> bytes:
    """As many rests as a video has holds, and no picture of them."""
    rests = spans(IMAGES_OF_VIDEOS // VIDEOS, 1)[0]
    return PASSED.to_bytes(PASSED.frame([(start, end, NOT_HISTOLOGY, 0.1, "") for start, end in rests]))


@functools.cache
def _overlays() -> bytes:
    rng = np.random.default_rng(5)
    names = [column.name for column in OVERLAYS.columns if column.name != "hold_id"]
    values = {name: rng.random(OVERLAY_ROWS, np.float32) for name in names}
    return OVERLAYS.to_bytes(pd.DataFrame(values).assign(hold_id="video000000_0000"))


def sheet(item: Item, scratch: Path) -> None:
    """A contact sheet."""
    write_bytes(scratch / f"{item.id}.png", _sheet())


@functools.cache
def _sheet() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (640, 480)).save(data, "PNG")
    return data.getvalue()


def transcript(item: Item, scratch: Path, **_: Any) -> None:
    """What was said: a segment for each sentence."""
    data = _transcript(*shape(item.id)).replace(CASE, f"{number_of(item.id)}".encode())
    write_bytes(scratch / TRANSCRIPT.at(id=item.id).name, data)


@functools.cache
def _transcript(holds: int, lines: int) -> bytes:
    segments = [
        {
            "start": start,
            "end": end,
            "text": text,
            "words": [
                {"word": word, "start": a, "end": b, "score": 0.875}
                for word, (a, b) in zip(text.split(), _times(start, end, text), strict=True)
            ],
        }
        for start, end, text, _ in _spoken(holds, lines)
    ]
    return _json({"language": "en", "audio_s": VIDEO_S, "segments": segments, "dropped": []})


def captions(item: Item, scratch: Path, **_: Any) -> None:
    """The same, with two entities and, in every fifth sentence, a correction."""
    data = _captions(*shape(item.id)).replace(CASE, f"{number_of(item.id)}".encode())
    write_bytes(scratch / CAPTIONS.at(id=item.id).name, data)


@functools.cache
def _captions(holds: int, lines: int) -> bytes:
    terms = ("nuclear pleomorphism", "inflammatory infiltrate")
    entities = [
        {"term": term, "id": f"UMLS:C{n:07d}", "semantic_type": "Finding", "negated": False}
        for n, term in enumerate(terms)
    ]
    correction = {"from": "nuclear polymorphism", "to": "nuclear pleomorphism", "by": "lexicon", "score": 0.91}
    records = [
        {
            "start": start,
            "end": end,
            "times": _times(start, end, text),
            "raw": text,
            "text": text,
            "corrections": [correction] if n % 5 == 0 else [],
            "kind": kind,
            "entities": entities if kind != "other" else [],
            "personal_data": [],
        }
        for n, (start, end, text, kind) in enumerate(_spoken(holds, lines))
    ]
    field = [{"field": "Dermatopathology", "probability": 0.5}]
    return _json({"sentences": records, "sub_pathology": field, "refused": {"lexicon": 3}})


def _spoken(holds: int, lines: int) -> list[tuple[float, float, str, str]]:
    """Start, end, text and kind of every sentence of a video, in order of time."""
    known, said = texts(), spans(holds, lines)[1]
    spoken = [
        (start, end, f"{known[n]} case {CASE.decode()} field {n}.", "medical" if n % 10 else "roi")
        for n, (start, end) in enumerate(said)
    ]
    quiet = VIDEO_S / UNPAIRED
    return sorted(spoken + [(n * quiet, n * quiet + 1.0, f"{known[n]}.", "other") for n in range(UNPAIRED)])


def _times(start: float, end: float, text: str) -> list[tuple[float, float]]:
    """Start and end of each word."""
    count = len(text.split())
    step = (end - start) / count
    return [(round(start + n * step, 3), round(start + (n + 0.9) * step, 3)) for n in range(count)]


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def rois(item: Item, scratch: Path, **_: Any) -> None:
    """A trace over the first holds, and a gesture in each of them."""
    for table, frame in zip((BOXES, TRACE), _rois(), strict=True):
        own = frame.assign(hold_id=item.id + frame.hold_id)
        table.write(scratch / table.at(id=item.id).name, own)


@functools.cache
def _rois() -> tuple[pd.DataFrame, pd.DataFrame]:
    holds = [f"_{n:04d}" for n in range(GESTURES)]
    sides = {column.name: 0.25 for column in BOXES.columns if column.name[-2:] in ("x0", "y0")}
    sides |= {column.name: 0.75 for column in BOXES.columns if column.name[-2:] in ("x1", "y1")}
    starts = np.arange(GESTURES) * VIDEO_S / 97
    boxes = pd.DataFrame({"hold_id": holds, "region": 0, "start_s": starts, "end_s": starts + 3.0, **sides})
    where = np.random.default_rng(6).random((TRACE_POINTS, 2))
    names = np.array(holds)[np.arange(TRACE_POINTS) * GESTURES // TRACE_POINTS]
    trace = pd.DataFrame({"hold_id": names, "t_s": np.arange(TRACE_POINTS) / 10, "x": where[:, 0], "y": where[:, 1]})
    return boxes, trace
