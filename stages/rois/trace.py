"""The cursor's path over a hold: what differs from the hold's clean image."""

import io
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]
WORK_WIDTH = 640
SMALLEST, LARGEST = 12, 0.01  # pixels at WORK_WIDTH, share of the frame: what can be a cursor


def trace(path: Path, holds: pd.DataFrame, images: dict[str, bytes], sample_fps: float, residue: int) -> pd.DataFrame:
    """Return (chunk_id, t_s, x, y) of the cursor's tip over every hold; x and y in 0..1 of the frame.

    `holds` has chunk_id, start_s, end_s and image; `images` holds the encoded clean images by member name. The video
    is decoded once, in order. Source: Quilt-LLaVA (arXiv 2312.04746), median frame subtracted, residue thresholded.
    """
    import av

    rows = []
    spans = [(row.start_s, row.end_s, row.chunk_id, _grey(images[row.image])) for row in holds.itertuples()]
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.thread_type = "SLICE"
        stride = max(1, round(float(video.average_rate) / sample_fps))
        first = None
        for number, frame in enumerate(container.decode(video)):
            first = frame.time if first is None else first
            time = frame.time - first
            while spans and time > spans[0][1]:
                spans.pop(0)
            if not spans:
                break
            if number % stride or time < spans[0][0]:
                continue
            _, _, chunk, clean = spans[0]
            small = frame.reformat(clean.shape[1], clean.shape[0], format="gray").to_ndarray()
            if (tip := find_cursor(small, clean, residue)) is not None:
                rows.append((chunk, round(time, 3), tip[0], tip[1]))
    return pd.DataFrame(rows, columns=["chunk_id", "t_s", "x", "y"])


def find_cursor(frame: Grey, clean: Grey, residue: int) -> tuple[float, float] | None:
    """Return the tip (x, y in 0..1) of the largest small thing in `frame` that is not in `clean`, or None.

    An arrow's tip is the upper left corner of what it covers.
    """
    changed = (cv2.absdiff(frame, clean) > residue).astype(np.uint8)
    joined = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    if count < 2:
        return None
    largest = stats[1:][stats[1:, cv2.CC_STAT_AREA].argmax()]
    area = int(largest[cv2.CC_STAT_AREA])
    if area < SMALLEST or area > LARGEST * frame.size:
        return None
    height, width = frame.shape
    return float(largest[cv2.CC_STAT_LEFT] / width), float(largest[cv2.CC_STAT_TOP] / height)


def gestures(points: pd.DataFrame, max_gap_s: float, min_gesture_s: float) -> Iterable[pd.DataFrame]:
    """Split one hold's trace where the cursor is away for longer than `max_gap_s`; short pieces are dropped."""
    for _, piece in points.groupby((points.t_s.diff() > max_gap_s).cumsum()):
        if piece.t_s.iloc[-1] - piece.t_s.iloc[0] >= min_gesture_s:
            yield piece


def box(points: pd.DataFrame) -> tuple[float, float, float, float]:
    """Return (x0, y0, x1, y1) around a gesture, outliers beyond 1.5 interquartile ranges left out (Quilt-LLaVA)."""
    sides = []
    for values in (points.x.to_numpy(), points.y.to_numpy()):
        low, high = np.percentile(values, [25, 75])
        reach = 1.5 * (high - low)
        kept = values[(values >= low - reach) & (values <= high + reach)]
        sides.append((round(float(kept.min()), 4), round(float(kept.max()), 4)))
    (x0, x1), (y0, y1) = sides
    return x0, y0, x1, y1


def _grey(image: bytes) -> Grey:
    full: Grey = np.asarray(Image.open(io.BytesIO(image)).convert("L"))
    height = round(full.shape[0] * WORK_WIDTH / full.shape[1])
    return cv2.resize(full, (WORK_WIDTH, height), interpolation=cv2.INTER_AREA)
