"""One decode of a video: cuts, holds with a clean image each, and frames for the screening."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.keyframes.holds import HoldFinder
from stages.keyframes.params import Params

Picture = NDArray[np.uint8]
SMALL = (320, 180)


@dataclass
class Scan:
    """What one pass over a video found; times in seconds."""

    cuts: list[float] = field(default_factory=list)
    holds: list[tuple[float, float, Picture]] = field(default_factory=list)
    screened: list[Picture] = field(default_factory=list)


def scan(path: Path, block: Params) -> Scan:
    """Decode `path` once, in order, and return what was found in it."""
    import av
    from scenedetect import ContentDetector, FrameTimecode

    found = Scan()
    detector = ContentDetector(threshold=block.cut_threshold, min_scene_len=3)
    finder: HoldFinder[Any] = HoldFinder(block.min_hold_s, block.motion_level, block.motion_share, block.median_frames)
    next_screen = 0.0
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.thread_type = "SLICE"
        fps = float(video.average_rate)
        for number, time, frame in _sampled(container, video, block.sample_fps):
            small = frame.reformat(*SMALL, format="bgr24").to_ndarray()
            found.cuts += [cut.frame_num / fps for cut in detector.process_frame(FrameTimecode(number, fps), small)]
            grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
            found.holds += [_clean(hold) for hold in finder.feed(time, grey, frame)]
            if time >= next_screen:
                found.screened.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
                next_screen = time + 1 / block.screen_fps
    found.holds += [_clean(hold) for hold in finder.finish()]
    return found


def _sampled(container: Any, video: Any, sample_fps: float) -> Iterator[tuple[int, float, Any]]:
    """Frames at about `sample_fps`, with their number and time from the start of the video."""
    stride = max(1, round(float(video.average_rate) / sample_fps))
    first = None
    for number, frame in enumerate(container.decode(video)):
        first = frame.time if first is None else first
        if number % stride == 0:
            yield number, float(frame.time - first), frame


def _clean(hold: Any) -> tuple[float, float, Picture]:
    """The hold with one image: the median over its frames, in which a moving cursor is gone."""
    frames = np.stack([frame.to_ndarray(format="rgb24") for frame in hold.frames])
    return hold.start, hold.end, median(frames)


def median(frames: NDArray[np.uint8]) -> Picture:
    """Pixel-wise median of (n, height, width, 3) frames; of the two middle values the lower."""
    middle = (len(frames) - 1) // 2
    flat = frames.reshape(len(frames), -1)
    out = np.empty(flat.shape[1], np.uint8)
    for begin in range(0, flat.shape[1], 1 << 18):  # parts that fit the cache
        out[begin : begin + (1 << 18)] = np.partition(flat[:, begin : begin + (1 << 18)], middle, axis=0)[middle]
    return out.reshape(frames.shape[1:])
