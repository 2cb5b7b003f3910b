"""Find holds: static segments, in which the camera rests (the paper: stable chunks)."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey
from stages.keyframes.motion import Anchor, Shift

AT_REST = 0.2  # pixels of the grey frames; this close to the resting position is at rest, in a picture without noise
CREEP_S = 0.5  # seconds for which a slow movement may go unnoticed, at most

T = TypeVar("T")


@dataclass
class Hold(Generic[T]):
    """A static segment: its start, the start of the next view (both in seconds), and evenly spaced samples of it."""

    start: float
    end: float
    samples: list[T]


@dataclass
class _Run(Generic[T]):
    """Frames within `max_shift` of the anchor so far."""

    anchor: Anchor
    times: "array[float]" = field(default_factory=lambda: array("d"))
    shifts: "array[float]" = field(default_factory=lambda: array("f"))
    samples: list[tuple[float, T]] = field(default_factory=list)
    stride: int = 1
    seen: int = 0

    def add(self, time: float, shift: Shift, sample: T | None, keep: int) -> None:
        self.times.append(time)
        self.shifts.extend((shift.x, shift.y, shift.zoom))
        if sample is None:
            return
        if self.seen % self.stride == 0:
            self.samples.append((time, sample))
        self.seen += 1
        if len(self.samples) > keep:
            self.samples = self.samples[::2]
            self.stride *= 2


class HoldFinder(Generic[T]):
    """Feed grey frames in time order; get each hold when it has ended.

    A hold is a run of frames that stay within `max_shift` pixels of its first one. Its exact start and end
    are computed when it is over, from the position at which most of its frames rest. A pan or zoom, however slow, moves
    the picture beyond `max_shift` in the end; a run that moved all the time is not a hold. Memory is bounded: once a
    hold has too many samples, every second one is dropped.
    """

    def __init__(self, min_hold_s: float, max_shift: float, changed_block_fraction: float, keep: int) -> None:
        self.min_hold_s = min_hold_s
        self.max_shift = max_shift
        self.changed_block_fraction = changed_block_fraction
        self.keep = keep
        self._run: _Run[T] | None = None

    def shift(self, grey: Grey) -> Shift | None:
        """Movement since the current run began, or None when `grey` does not belong to it."""
        shift = self._run.anchor.shift(grey) if self._run else None
        return shift if shift is not None and shift.size <= self.max_shift else None

    def feed(self, time: float, grey: Grey, shift: Shift | None, sample: T | None = None) -> Iterator[Hold[T]]:
        """Take one frame and its `shift`, from the method of that name; `sample` is what a hold may keep of the frame.

        The first frame of a run needs a sample. Yields a hold that has just ended.
        """
        if shift is None:
            yield from self.finish(time)
            self._run, shift = _Run(Anchor(grey, self.changed_block_fraction)), Shift(0.0, 0.0, 0.0)
        assert self._run is not None
        self._run.add(time, shift, sample, self.keep)

    def finish(self, time: float) -> Iterator[Hold[T]]:
        """End the current run at `time`, when the next view appears; yields it when it is a hold."""
        run, self._run = self._run, None
        if run is None or time - run.times[0] < self.min_hold_s:
            return
        times = np.append(np.frombuffer(run.times), time)
        start, end = _rest(times, np.frombuffer(run.shifts, np.float32).reshape(-1, 3), self.max_shift)
        if end - start >= self.min_hold_s:
            inside = [sample for when, sample in run.samples if start <= when < end]
            yield Hold(start, end, inside or [run.samples[len(run.samples) // 2][1]])


def _rest(times: NDArray[np.float64], shifts: NDArray[np.float32], max_shift: float) -> tuple[float, float]:
    """When the picture comes to rest and when it moves again; (0, 0) if it moved slowly all the time.

    `times` has one entry more than `shifts`: the end of the run.
    """
    third = max(1, len(shifts) // 3)
    crept = np.abs(np.median(shifts[:third], axis=0) - np.median(shifts[-third:], axis=0))
    if crept.max() > max_shift / 2:
        return 0.0, 0.0
    away = np.linalg.norm(shifts - np.median(shifts, axis=0), axis=1)
    near = np.nonzero(away <= AT_REST + 3 * np.median(away))[0]
    first, last = int(near[0]), int(near[-1])
    start = _turn(times[:first], away[:first], float(times[first]))
    end = _turn(times[last + 1 : -1], away[last + 1 :], float(times[last + 1]))
    return start, end


def _turn(times: NDArray[np.float64], away: NDArray[np.float32], seen: float) -> float:
    """When a slow movement began or ended: where a line through its distances from the resting position reaches 0.

    With fewer than three distances it is `seen`, the time at which the movement was noticed.
    """
    if len(away) < 3 or np.ptp(away) < 1e-3:
        return seen
    speed, crossing = np.polyfit(away, times, 1)
    return float(np.clip(crossing, seen - CREEP_S, seen + CREEP_S)) if np.isfinite(speed) else seen
