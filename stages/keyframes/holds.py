"""Find holds: static segments, in which the camera rests (the paper: stable chunks)."""

from array import array
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey
from stages.keyframes.motion import AT_ANCHOR, CLOSE, EVERYWHERE, Anchor, Blocks, Shift

AT_REST = 0.2  # pixels of the grey frames; this close to the resting position is at rest, in a picture without noise
SETTLE_S = 2.0  # seconds whose middle position is the centre that a run stays close to
LEFT = 1.0  # pixels: farther is a movement of which every frame is looked at, and which is followed back no farther
SMOOTH = 0.5  # pixels by which a shift may be wrong when one of the two pictures is blurred
CREEP = 0.5  # pixels: a view at rest drifts no farther
STEADY = 0.6  # share of the way that all frames of a run cover: a movement that leads so far leads one way
BUSY = 40  # grey levels by which a pixel changes where a cursor comes or goes
BUSY_SAMPLES = 5  # moments at which something moved that are kept of a hold
TURN_S = 0.5  # seconds for which a slow movement may go unnoticed, at most
SHORT_S = 1.0  # seconds: what stays in its place for less is part of a movement, no rest

T = TypeVar("T")


@dataclass
class Hold(Generic[T]):
    """A static segment: its start and the start of the next view, in seconds; evenly spaced samples of it; others, of
    moments at which something moved. Each sample comes with how far it lies from the hold's middle position."""

    start: float
    end: float
    samples: list[tuple[T, Shift]]
    busy: list[tuple[T, Shift]]


class ShortRest(NamedTuple, Generic[T]):
    """A rest of the camera that is shorter than a hold: its times like a hold's, and a sample of it."""

    start: float
    end: float
    sample: T


class _Even(Generic[T]):
    """Evenly spaced ones of all samples so far, at most `most`: when there are more, every second one is dropped."""

    def __init__(self, most: int) -> None:
        self.most, self.stride, self.seen = most, 1, 0
        self.kept: list[tuple[float, T]] = []

    def add(self, time: float, sample: T) -> None:
        if self.seen % self.stride == 0:
            self.kept.append((time, sample))
        self.seen += 1
        if len(self.kept) > self.most:
            self.kept = self.kept[::2]
            self.stride *= 2

    def inside(self, start: float, end: float) -> list[tuple[float, T]]:
        return [(time, sample) for time, sample in self.kept if start <= time < end]


class _Run(Generic[T]):
    """Frames close to where its first ones were. Shifts count from the first one; the anchor, which later frames are
    compared with, lies at `place`."""

    def __init__(self, anchor: Anchor, keep: int) -> None:
        self.keep = keep
        self.times, self.shifts = array("d"), array("f")
        self._centre: Shift | None = None  # of the first seconds
        self._settled = False  # whether those seconds are over
        self.last = AT_ANCHOR
        self._measured_again = False  # the latest frame was: from afar, only about right
        self._grey: Grey | None = None
        self.renew(anchor, AT_ANCHOR)
        self.forget_samples()

    def renew(self, anchor: Anchor, place: Shift) -> None:
        self.anchor, self.place = anchor, replace(place, detail=0)

    def look_at(self, blocks: Blocks) -> None:
        """Which blocks count from now on. Frames so far are moved as the latest is when it is measured again by these:
        blocks that rest while others move say less."""
        self.anchor.look_at(blocks)
        local = (
            self.anchor.shift(self._grey, replace(self.last - self.place, detail=0)) if self._grey is not None else None
        )
        if local is None or local.detail:
            return
        by = replace(self.place + local - self.last, detail=0)
        self._measured_again = by.size > SMOOTH
        shifts = np.frombuffer(self.shifts, np.float32).reshape(-1, 4) + np.array(by.parts, np.float32)
        self.shifts = array("f", shifts.tobytes())
        self.last, self._centre, self._settled = self.last + by, None, False

    def begin_with(self, times: "array[float]", shifts: NDArray[np.float32]) -> None:
        """Count frames before the anchor in: a camera in a hand that arrives at its place goes on to move around it."""
        self.times.extend(times)
        self.shifts.frombytes(shifts.astype(np.float32).tobytes())

    def forget_samples(self) -> None:
        self.samples, self.busy = _Even[T](self.keep), _Even[T](BUSY_SAMPLES)

    def shift(self, grey: Grey) -> Shift | None:
        """Movement since the run began."""
        local = self.anchor.shift(grey, replace(self.last - self.place, detail=0))
        if local is None:
            return None
        shift = self.place + local
        resting = (shift.detail or self._measured_again) and (shift - self.last).size <= SMOOTH
        return replace(self.last, detail=shift.detail) if resting else shift

    def away(self, shift: Shift) -> float:
        """How far a frame is from the middle position of the run's first seconds, in pixels."""
        if self._centre is None:
            first = bisect(self.times, self.times[0] + SETTLE_S)
            self._settled = first < len(self.times)
            centre = np.median(np.frombuffer(self.shifts[: 4 * first], np.float32).reshape(-1, 4), axis=0)
            self._centre = Shift(*centre.tolist())
        return (shift - self._centre).size

    def arriving(self, here: Shift, reach: float) -> "tuple[array[float], NDArray[np.float32]]":
        """The times of the latest frames that are all within `reach` of `here`, and how far they are from it."""
        shifts = np.frombuffer(self.shifts, np.float32).reshape(-1, 4) - np.array(here.parts, np.float32)
        far = np.nonzero(np.linalg.norm(shifts, axis=1) > reach)[0]
        first = int(far[-1]) + 1 if len(far) else 0
        return self.times[first:], shifts[first:]

    def off_centre(self, shift: Shift) -> bool:
        """Whether a frame would be much better to compare with than the anchor."""
        return bool(self.times) and self.away(self.place) > max(CLOSE, 2 * self.away(shift))

    def add(self, time: float, grey: Grey, shift: Shift, sample: T | None) -> None:
        self.times.append(time)
        self.shifts.extend(shift.parts)
        self.last, self._measured_again = shift, False
        if not self._settled:
            self._centre = None
        if sample is None:
            return
        self.samples.add(time, sample)
        if self._grey is not None and cv2.absdiff(grey, self._grey).max() > BUSY:
            self.busy.add(time, sample)
        self._grey = grey


class HoldFinder(Generic[T]):
    """Feed grey frames in time order; get each hold when it has ended.

    A hold is a run of frames that stay within `max_shift` pixels of the middle position of its first seconds, as those
    of a camera at rest do, or in a hand. Its exact start and end are computed when it is over, from the position at
    which most of its frames rest. A pan or zoom, however slow, moves the picture beyond `max_shift` in the end; a run
    that moved one way all the time is not a hold. A view that gets sharp late, as tiles load or the focus is found, is
    one hold from where it stopped; samples are of its sharp frames. Memory is bounded: once a hold has too many
    samples, every second one is dropped. `short` has the rests of SHORT_S or longer that were no holds, for who takes
    them out.
    """

    def __init__(self, min_hold_s: float, max_shift: float, changed_block_fraction: float, keep: int) -> None:
        self.min_hold_s = min_hold_s
        self.max_shift = max_shift
        self.changed_block_fraction = changed_block_fraction
        self.keep = keep
        self.short: list[ShortRest[T]] = []
        self.renewed = False  # whether the latest frame is what the run's later ones are compared with from now on
        self._run: _Run[T] | None = None
        self._here: Shift | None = None  # where the latest frame lies, in the run or beyond its reach
        self._blocks = EVERYWHERE

    def look_at(self, blocks: Blocks) -> None:
        """Which blocks of the frame count in this run and those after it; see `Anchor`."""
        tissue, self._blocks = self._blocks.tissue, blocks
        if self._run and tissue is blocks.tissue:  # another area moves, no more
            self._run.anchor.look_at(blocks)
        elif self._run:
            self._run.look_at(blocks)

    def shift(self, grey: Grey) -> Shift | None:
        """Movement since the current run began, or None when `grey` does not belong to it."""
        self._here = shift = self._run.shift(grey) if self._run else None
        return shift if self._run and shift and self._run.away(shift) <= self.max_shift else None

    def moves(self, shift: Shift) -> bool:
        """Whether the camera has moved since the frame before, so that those between count."""
        return self._run is not None and (shift - self._run.last).size > LEFT

    @property
    def place(self) -> Shift:
        """Where the picture lay that frames are compared with: the movement since the current run began."""
        return self._run.place if self._run else AT_ANCHOR

    def feed(self, time: float, grey: Grey, shift: Shift | None, sample: T | None = None) -> Iterator[Hold[T]]:
        """Take the frame last asked about, and its `shift`; `sample` is what a hold may keep of it.

        The first frame of a run needs a sample. Yields a hold that has just ended.
        """
        if shift is None or self._run is None:
            young = self._run and time - self._run.times[0] < self.min_hold_s
            arriving = self._run.arriving(self._here, self.max_shift) if self._run and self._here and young else None
            goes_on = arriving[0][0] if arriving and len(arriving[0]) else np.inf
            yield from self.finish(time, goes_on)
            self._run, shift = _Run(self._anchor(grey), self.keep), AT_ANCHOR
            if arriving:
                self._run.begin_with(*arriving)
        run = self._run
        self.renewed = sample is not None and (shift.detail > 0 or run.off_centre(shift))
        if self.renewed:
            run.renew(self._anchor(grey), shift)
            if shift.detail > 0:
                run.forget_samples()
        run.add(time, grey, shift, sample)

    def _anchor(self, grey: Grey) -> Anchor:
        anchor = Anchor(grey, self.changed_block_fraction)
        anchor.look_at(self._blocks)
        return anchor

    def finish(self, time: float, goes_on: float = np.inf) -> Iterator[Hold[T]]:
        """End the current run at `time`, when the next view appears; yields it when it is a hold. Its frames from
        `goes_on` on are the next run's, too: a rest that reaches so far is not over."""
        run, self._run = self._run, None
        if run is None or time - run.times[0] < min(SHORT_S, self.min_hold_s):
            return
        times = np.append(np.frombuffer(run.times), time)
        shifts = np.frombuffer(run.shifts, np.float32).reshape(-1, 4)
        long = time - run.times[0] >= self.min_hold_s
        start, end = _rest(times, shifts, self.min_hold_s if long else SHORT_S)
        kept = run.samples.kept
        inside = run.samples.inside(start, end) or [kept[len(kept) // 2]]
        if end - start >= self.min_hold_s:
            away = shifts - np.median(shifts[(times[:-1] >= start) & (times[:-1] < end)], axis=0)
            placed = [
                [(sample, Shift(*away[np.searchsorted(times, time)].tolist())) for time, sample in samples]
                for samples in (inside, run.busy.inside(start, end))
            ]
            yield Hold(start, end, *placed)
        elif end - start >= SHORT_S and end <= goes_on:
            self.short.append(ShortRest(start, end, inside[len(inside) // 2][1]))


def _rest(times: NDArray[np.float64], shifts: NDArray[np.float32], min_hold_s: float) -> tuple[float, float]:
    """When the picture comes to rest and when it moves again; (0, 0) if it moved slowly all the time.

    `times` has one entry more than `shifts`: the end of the run.
    """
    place, spread = _resting_place(times, shifts, min_hold_s)
    away = np.linalg.norm(shifts - place, axis=1)
    near = np.nonzero(away <= AT_REST + 3 * spread)[0]
    first, last = int(near[0]), int(near[-1])
    if _creeps(shifts[first : last + 1]):
        return 0.0, 0.0
    start = _turn(times[:first], away[:first], float(times[first]))
    end = _turn(times[last + 1 : -1], away[last + 1 :], float(times[last + 1]))
    return start, end


def _resting_place(
    times: NDArray[np.float64], shifts: NDArray[np.float32], min_hold_s: float
) -> tuple[NDArray[np.float32], float]:
    """The position at which the picture rests, and how far frames of the hold usually are from it.

    It is the most frequent one where that lasts, so that a slow movement before or after is told from the rest; a
    camera in a hand has none, and is somewhere around the middle.
    """
    _, cell, counts = np.unique(np.round(shifts / (2 * AT_REST)), axis=0, return_inverse=True, return_counts=True)
    place = np.median(shifts[cell.ravel() == counts.argmax()], axis=0)
    away = np.linalg.norm(shifts - place, axis=1)
    still = np.nonzero(away <= AT_REST)[0]
    lasts = len(still) and times[still[-1] + 1] - times[still[0]] >= min_hold_s
    if lasts and 2 * len(still) > still[-1] - still[0]:
        return place, float(np.median(away[still]))
    place = np.median(shifts, axis=0)
    return place, float(np.median(np.linalg.norm(shifts - place, axis=1)))


def _creeps(shifts: NDArray[np.float32]) -> bool:
    """Whether the picture moves one way all the time."""
    third = max(1, len(shifts) // 3)
    crept = float(np.linalg.norm(np.median(shifts[-third:], axis=0) - np.median(shifts[:third], axis=0)))
    low, high = np.percentile(shifts, [5, 95], axis=0)
    return crept > max(CREEP, STEADY * float(np.linalg.norm(high - low)))


def _turn(times: NDArray[np.float64], away: NDArray[np.float32], seen: float) -> float:
    """When a slow movement began or ended: where a line through its distances from the resting position reaches 0.

    With fewer than three distances it is `seen`, the time at which the movement was noticed.
    """
    slow = away <= LEFT
    times, away = times[slow], away[slow]
    if len(away) < 3 or np.ptp(away) < 1e-3:
        return seen
    speed, crossing = np.polyfit(away, times, 1)
    return float(np.clip(crossing, seen - TURN_S, seen + TURN_S)) if np.isfinite(speed) else seen
