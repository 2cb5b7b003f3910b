"""One pass over a video: cuts, views to screen, and holds, in the order in which they are found."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.keyframes.cuts import CutFinder
from stages.keyframes.film import DETAIL, SMALL, Film, Frame, Grey, Picture, clean_image, shrink
from stages.keyframes.holds import Hold, HoldFinder
from stages.keyframes.marks import Marks
from stages.keyframes.motion import Shift
from stages.keyframes.params import Params
from stages.keyframes.prefetch import prefetch


@dataclass(frozen=True)
class Cut:
    """A hard cut, in seconds."""

    time: float


@dataclass(frozen=True)
class View:
    """What a screened frame shows; `picture` is None when the camera has not moved since the view before."""

    picture: Picture | None


@dataclass(frozen=True)
class StillView:
    """A hold: its times in seconds, its clean image at the video's size, and the marks that lay over it."""

    start: float
    end: float
    image: Picture
    marks: pd.DataFrame


def scan(path: Path, block: Params, threads: int, screen_side: int) -> Iterator[Cut | View | StillView]:
    """Decode `path` once, in order, and yield what is found in it; memory does not grow with its length.

    Frames are looked at `block.sample_fps` times a second, and all of them where the picture moves, so that times are
    exact to the frame. `screen_side` is the long side in pixels of the views. Raises as Film does.
    """
    yield from _Scan(block, screen_side).run(Film(path, threads))


class _Scan:
    def __init__(self, block: Params, screen_side: int) -> None:
        self.block = block
        self.screen_side = screen_side
        self.cuts = CutFinder(block.cut_ratio, block.cut_level)
        tolerance = block.tolerance * SMALL
        self.holds: HoldFinder[Frame] = HoldFinder(block.min_hold_s, tolerance, block.moving_share, block.median_frames)
        self.marks = Marks(block.residue)
        self.next_sample = self.next_view = 0.0
        self.seen_in_run = False

    def run(self, film: Film) -> Iterator[Cut | View | StillView]:
        between: list[Frame] = []
        for frame in prefetch(film, film.ahead):
            if frame.time < self.next_sample - 1e-6:
                between.append(frame)
                continue
            self.next_sample = max(self.next_sample + 1 / self.block.sample_fps, frame.time)
            detail = frame.grey(DETAIL)
            grey = shrink(detail, SMALL)
            shift = self.holds.shift(grey)
            if shift is None:  # something happened since the last sample: look at every frame
                yield from self.catch_up(between)
                shift = self.holds.shift(grey)
            between.clear()
            yield from self.step(frame, grey, shift, detail)
            if frame.time >= self.next_view - 1e-6:
                self.next_view = max(self.next_view + 1 / self.block.screening.fps, frame.time)
                yield View(None if self.seen_in_run else frame.rgb(self.screen_side))
                self.seen_in_run = True
        yield from self.catch_up(between)
        yield from self.still_views(self.holds.finish(film.end))

    def catch_up(self, frames: list[Frame]) -> Iterator[Cut | StillView]:
        for frame in frames:
            grey = frame.grey(SMALL)
            yield from self.step(frame, grey, self.holds.shift(grey))

    def step(
        self, frame: Frame, grey: Grey, shift: Shift | None, detail: Grey | None = None
    ) -> Iterator[Cut | StillView]:
        """Show one frame to the finders; only samples have a `detail`."""
        yield from (Cut(time) for time in self.cuts.feed(frame.time, grey))
        keep = frame if detail is not None or shift is None else None
        yield from self.still_views(self.holds.feed(frame.time, grey, shift, keep))
        if shift is None:
            self.marks = Marks(self.block.residue, frame.picture.rotation)
            self.seen_in_run = False
        if detail is not None:
            self.marks.add(frame.time, detail, frame.hue(SMALL))

    def still_views(self, holds: Iterator[Hold[Frame]]) -> Iterator[StillView]:
        for hold in holds:
            image = clean_image([frame.picture for frame in hold.samples])
            yield StillView(hold.start, hold.end, image, self.marks.table(hold.start, hold.end))
