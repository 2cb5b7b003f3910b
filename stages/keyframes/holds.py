"""Find the stretches in which the camera holds still, from small grey frames."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
GRID = (16, 9)
TEXTURED = 3.0  # grey levels of deviation that make a block worth watching: blank glass never moves

T = TypeVar("T")


@dataclass
class Hold(Generic[T]):
    """A still stretch, in seconds, with a bounded, evenly spread sample of its frames."""

    start: float
    end: float
    frames: list[T] = field(default_factory=list)


class HoldFinder(Generic[T]):
    """Feed frames in time order; get each hold when it ends.

    A frame is still when, compared with the frame `lag` samples before, fewer than `motion_share` of the textured
    blocks of a 16 x 9 grid changed by more than `motion_level` grey levels. A cursor covers one or two blocks; a pan
    or zoom, however slow, changes most. Memory is bounded: of a long hold every second kept frame is dropped again.
    """

    def __init__(self, min_hold_s: float, motion_level: float, motion_share: float, keep: int, lag: int = 2) -> None:
        self.min_hold_s = min_hold_s
        self.motion_level = motion_level
        self.motion_share = motion_share
        self.keep = keep
        self.lag = lag
        self._past: list[tuple[float, Grey]] = []
        self._hold: Hold[T] | None = None
        self._stride = 1
        self._count = 0

    def feed(self, time: float, grey: Grey, frame: T) -> Iterator[Hold[T]]:
        """Take one sampled frame; `frame` is what a hold should keep of it. Yields a hold that has just ended."""
        self._past.append((time, grey))
        if len(self._past) <= self.lag:
            return
        before, earlier = self._past.pop(0)
        if self.moved(earlier, grey):
            yield from self.finish()
            return
        if self._hold is None:
            self._hold, self._stride, self._count = Hold(before, time), 1, 0
        self._hold.end = time
        if self._count % self._stride == 0:
            self._hold.frames.append(frame)
            if len(self._hold.frames) > self.keep:
                self._hold.frames = self._hold.frames[::2]
                self._stride *= 2
        self._count += 1

    def finish(self) -> Iterator[Hold[T]]:
        """End the current hold, if any; yields it when it is long enough."""
        hold, self._hold = self._hold, None
        if hold is not None and hold.end - hold.start >= self.min_hold_s:
            yield hold

    def moved(self, before: Grey, now: Grey) -> bool:
        """Whether the picture as a whole moved between two grey frames of one size."""
        change = cv2.resize(cv2.absdiff(before, now), GRID, interpolation=cv2.INTER_AREA).astype(np.float32)
        level = now.astype(np.float32)
        mean = cv2.resize(level, GRID, interpolation=cv2.INTER_AREA)
        square = cv2.resize(level * level, GRID, interpolation=cv2.INTER_AREA)
        textured = np.sqrt(np.maximum(square - mean * mean, 0)) > TEXTURED
        watched = change[textured] if textured.mean() > 0.05 else change.ravel()
        return bool((watched > self.motion_level).mean() > self.motion_share)
