"""One pass over a video: cuts, frames for pre-screening, and holds, in the order in which they are found."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.common.data.arrays import Grey, Picture
from stages.common.regions.boxes import Box
from stages.common.regions.moving import KnownAreas, MovingAreas, moving_areas
from stages.keyframes.cuts import CutFinder
from stages.keyframes.holds import Hold, HoldFinder
from stages.keyframes.layout import Layout
from stages.keyframes.motion import AT_ANCHOR, CLOSE, Blocks, Chosen, Shift, blocks_of, moved_back
from stages.keyframes.overlays import OverlayDetector
from stages.keyframes.params import Params
from stages.keyframes.reader import (
    DETAIL,
    SMALL,
    Frame,
    VideoReader,
    clean_image,
    prefetch,
    shrink,
    shrunk,
    upright_box,
)
from stages.keyframes.resting import without_resting_cursor

LOOK_S = 0.5  # seconds that the camera must rest before it is looked where the tissue is
AGAIN_S = 1.5  # seconds later, on a new screen, it is looked again: by then it shows what moves all the time
LOOK_SIDE = 1280  # long side, in pixels, of the pictures that are looked at
HIDDEN = 0.2  # of a block: so much of it may move all the time
MOST_HIDDEN = 0.5  # of the blocks: where more seem to move all the time, it is the camera that shakes


@dataclass(frozen=True)
class Cut:
    """A hard cut, in seconds."""

    time: float


@dataclass(frozen=True)
class SampledFrame:
    """A frame for pre-screening; `picture` is None when the camera has not moved since the one before."""

    picture: Picture | None


@dataclass(frozen=True)
class StillImage:
    """A hold: its times in seconds, its clean image at the video's size, the overlays on it, and what moves in it."""

    start: float
    end: float
    image: Picture
    overlays: pd.DataFrame
    moving: list[Box]


@dataclass(frozen=True)
class ShortStop:
    """A rest of the camera that is shorter than a hold: its times in seconds, and a small picture of it."""

    start: float
    end: float
    picture: Picture


Found = Cut | SampledFrame | StillImage | ShortStop


def scan(path: Path, params: Params, threads: int, prescreen_side: int) -> Iterator[Found]:
    """Decode `path` once, in order, and yield what is found in it; memory does not grow with its length.

    Analyses `params.sample_fps` frames a second, and every frame where the picture moves, so that times are exact to
    the frame. `prescreen_side` is the long side, in pixels, of frames for pre-screening. Raises as VideoReader
    does.
    """
    yield from _Scan(params, prescreen_side).run(VideoReader(path, threads))


class _Scan:
    def __init__(self, params: Params, prescreen_side: int) -> None:
        self.params = params
        self.prescreen_side = prescreen_side
        self.cuts = CutFinder(params.cut_ratio, params.cut_level)
        max_shift = params.max_shift * SMALL
        self.holds: HoldFinder[Frame] = HoldFinder(
            params.min_hold_s, max_shift, params.changed_block_fraction, params.median_frames
        )
        self.moving, self.known = MovingAreas(), KnownAreas()
        self.overlays = OverlayDetector(params.overlay_threshold, moving=self.moving)
        self.anchor: tuple[Grey, Grey] | None = None  # brightness and hue of a run's anchor
        self.next_sample = self.next_prescreen = 0.0
        self.seen_in_run = False
        self.next_look, self.next_check = LOOK_S, 0.0
        self.layout = Layout()
        self.shown: tuple[list[Chosen], Chosen] = [], np.zeros(0, bool)  # blocks of regions, and of tissue
        self.areas: list[Box] = []  # that move whatever the camera does

    def run(self, reader: VideoReader) -> Iterator[Found]:
        between: list[Frame] = []
        for frame in prefetch(reader, reader.ahead):
            if frame.time < self.next_sample - 1e-6:
                between.append(frame)
                continue
            self.next_sample = max(self.next_sample + 1 / self.params.sample_fps, frame.time)
            detail = frame.grey(DETAIL)
            grey = shrink(detail, SMALL)
            shift = self.holds.shift(grey)
            if shift is None or self.holds.moves(
                shift
            ):  # something happened since the last sample: look at every frame
                yield from self.catch_up(between)
                shift = self.holds.shift(grey)
            between.clear()
            yield from self.step(frame, grey, shift, detail)
            if frame.time >= self.next_prescreen - 1e-6:
                self.next_prescreen = max(self.next_prescreen + 1 / self.params.prescreening.fps, frame.time)
                yield SampledFrame(None if self.seen_in_run else frame.rgb(self.prescreen_side))
                self.seen_in_run = True
        yield from self.catch_up(between)
        yield from self.still_images(self.holds.finish(reader.end))

    def catch_up(self, frames: list[Frame]) -> Iterator[Found]:
        for frame in frames:
            grey = frame.grey(SMALL)
            yield from self.step(frame, grey, self.holds.shift(grey))

    def step(self, frame: Frame, grey: Grey, shift: Shift | None, detail: Grey | None = None) -> Iterator[Found]:
        """Show one frame to the finders; only samples have a `detail`."""
        yield from (Cut(time) for time in self.cuts.feed(frame.time, grey))
        keep = frame if detail is not None or shift is None else None
        yield from self.still_images(self.holds.feed(frame.time, grey, shift, keep))
        if shift is None:
            self.moving.end_hold(counts=False)
            self.overlays = OverlayDetector(self.params.overlay_threshold, frame.picture.rotation, self.moving)
            self.seen_in_run, self.anchor = False, None
            self.next_look = frame.time + LOOK_S
        elif self.holds.renewed:
            self.overlays.flush()
        if detail is not None:
            pictures = detail, frame.hue(SMALL)
            if self.anchor is None or self.holds.renewed:
                self.anchor = pictures
            back, long_side = (shift or AT_ANCHOR) - self.holds.place, max(grey.shape)
            pairs = zip(pictures, self.anchor, strict=True)
            self.overlays.add(frame.time, *(moved_back(picture, back, long_side, onto) for picture, onto in pairs))
            self.look(frame, detail)

    def look(self, frame: Frame, detail: Grey) -> None:
        """Tell the finder of holds where the tissue is, once in a run, and what moves all the time.

        At the first look at a screen a speaker cannot be told from tissue that moves: regions count together.
        """
        areas = self.moving.lately()
        if frame.time >= self.next_check:
            self.next_check = frame.time + AGAIN_S
            self.next_look = self.next_look if self.layout.stays(detail) else frame.time
        if frame.time >= self.next_look:
            regions, tissue = self.layout.look(frame.rgb(LOOK_SIDE), detail, frame.picture.rotation, areas)
            self.next_look = frame.time + AGAIN_S if self.layout.new else np.inf
            self.shown = [np.logical_or.reduce(regions)] if self.layout.new else regions, tissue
        elif areas == self.areas:
            return
        self.areas, hidden = areas, np.zeros(detail.shape, bool)
        for area in areas:
            hidden[area.slices] = True
        moving = blocks_of(hidden, HIDDEN)
        self.holds.look_at(Blocks(*self.shown, moving & (moving.mean() <= MOST_HIDDEN)))

    def still_images(self, holds: Iterator[Hold[Frame]]) -> Iterator[Found]:
        for hold in holds:
            image = self.clean_image(hold)
            overlays = self.overlays.table(hold.start, hold.end)
            stored = hold.samples[0][0].picture
            yield StillImage(hold.start, hold.end, image, overlays, self.moving_areas(stored, image))
            self.moving.end_hold()
        yield from (ShortStop(start, end, frame.rgb(DETAIL)) for start, end, frame in self.holds.short)
        self.holds.short.clear()

    def moving_areas(self, stored: Any, image: Picture) -> list[Box]:
        """What moved all through the hold, or did so before and rests, in pixels of its clean image; `stored` is one of
        PyAV's frames of it."""
        size = shrunk(stored.width, stored.height, DETAIL)
        areas = [upright_box(area, size, stored.rotation) for area in self.moving.boxes()]
        found = moving_areas(areas, image, shrunk(image.shape[1], image.shape[0], DETAIL))
        return self.known.added_to(found, image)

    def clean_image(self, hold: Hold[Frame]) -> Picture:
        """The median of the hold's frames, without a camera's shake and without the cursor."""
        image = clean_image([frame.picture for frame, _ in hold.samples], [shift for _, shift in hold.samples])
        frames = [frame for frame, shift in hold.samples + hold.busy if shift.size <= CLOSE]
        if len(frames) < 3:
            return image
        small = [frame.rgb(DETAIL) for frame in frames]
        return without_resting_cursor(
            image, small, lambda n: frames[n].rgb(max(image.shape)), self.params.overlay_threshold
        )
