"""Lectures over real tissue as people record them: in a slide viewer or a presentation, perhaps with a webcam."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import screens
from benchmarks.glass import Slide, View
from benchmarks.narration import sentences
from stages.common.data.arrays import Floats, Picture
from stages.common.regions.boxes import Box
from stages.demo.real import photograph
from stages.demo.render import CURSORS
from stages.demo.voice import SAMPLE_RATE, speak

FPS = 15
WIDTH, HEIGHT = 1280, 720
HOLDS = 9  # of a lecture
LEAST_HOLD_S = 3.6
LOADING_S = 0.8
REMARKS = ("Okay, so let us move on from here.", "And now to the next one.", "Good, let us go on.")
SPEAKERS = ("astronaut", "hopper")


@dataclass(frozen=True)
class Style:
    """How one lecture is made.

    `draw` is the screen around the tissue. With `cuts` every hold is a slide of its own, else the camera moves.
    `webcam` is the share of the frame that the speaker fills, in `corner`. `shown` is how much of a view is tissue, at
    least and at most; the rest is glass. `stain` is how much of the tissue's colour is left. `tiles` load for a while.
    """

    name: str
    tissue: str
    draw: Callable[..., screens.Screen] = screens.viewer
    cuts: bool = False
    webcam: float = 0.0
    corner: str = "right bottom"
    cursor: str = "arrow"
    shown: tuple[float, float] = (0.35, 1.0)
    stain: float = 1.0
    tiles: bool = False
    crf: int = 24


STYLES = (
    Style("viewer", "skin"),
    Style("viewer, tiles load", "gland", tiles=True, cursor="cross"),
    Style("viewer, webcam 4 %", "ovary_stroma", webcam=0.04, cursor="dark_arrow"),
    Style("viewer, webcam 12 %", "skin", webcam=0.12, corner="left bottom", crf=28),
    Style("whole frame, webcam 22 %", "gland", screens.full, webcam=0.22, corner="right top"),
    Style("viewer, nearly bare", "colon_ihc", shown=(0.08, 0.3)),
    Style("viewer, pale", "skin", stain=0.4, tiles=True, crf=28),
    Style("browser", "ovary_nest", screens.browser, cursor="dark_arrow"),
    Style("presentation", "ovary_nest", screens.slide, cuts=True),
    Style("presentation, webcam 4 %", "skin", screens.slide, cuts=True, webcam=0.04, corner="right top"),
    Style("presentation, film", "gland", screens.slide, cursor="spot"),
    Style("presentation, nearly bare", "ovary_stroma", screens.slide, cuts=True, shown=(0.08, 0.3), crf=28),
)


@dataclass(frozen=True)
class Spoken:
    """A sentence, when it is said, and the number of the hold that it is about; None for a remark."""

    text: str
    start: float
    end: float
    hold: int | None


@dataclass(frozen=True)
class Pointed:
    """A gesture: when, over which hold, and the box around it, in pixels."""

    start: float
    end: float
    hold: int
    path: Floats

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom)."""
        return *self.path.min(axis=0).tolist(), *self.path.max(axis=0).tolist()


@dataclass
class Truth:
    """What is so in a recording: of each hold its times, the tissue and what lies over it."""

    holds: list[tuple[float, float]] = field(default_factory=list)
    tissue: list[list[Box]] = field(default_factory=list)
    covered: list[list[Box]] = field(default_factory=list)
    spoken: list[Spoken] = field(default_factory=list)
    gestures: list[Pointed] = field(default_factory=list)
    webcam: Box | None = None


@dataclass(frozen=True)
class _Layout:
    """A screen without its tissue: the picture, which pixels show tissue, and its boxes, the largest first."""

    ground: Picture
    live: Floats
    screen: screens.Screen

    def put(self, parts: list[Picture]) -> Picture:
        """The screen with its tissue."""
        whole = np.zeros_like(self.ground)
        for box, part in zip(self.screen.tissue, parts, strict=True):
            whole[box.slices] = part
        return (self.ground + self.live * whole).astype(np.uint8)


def _layout(draw: Callable[..., screens.Screen], seed: list[int]) -> _Layout:
    """A screen of WIDTH x HEIGHT: drawn over black and over white, it shows where tissue will be seen."""
    for attempt in range(1000):
        black, white = (
            draw(
                np.random.default_rng([*seed, attempt]),
                lambda w, h, _, level=level: np.full((h, w, 3), level, np.uint8),
            )
            for level in (0, 255)
        )
        if black.image.shape == (HEIGHT, WIDTH, 3):
            break
    return _Layout(black.image, (white.image.astype(np.float32) - black.image) / 255, black)


class Recorder:
    """One lecture in the making."""

    def __init__(self, style: Style, seed: int) -> None:
        self.style, self.rng = style, np.random.default_rng([seed, *style.name.encode()])
        self.seed, self.truth = seed, Truth()
        self.slide = Slide(style.tissue, style.stain, self.rng)
        self.layouts: list[_Layout] = []
        self.views: list[list[View]] = []
        self.sound: list[tuple[float, NDArray[np.float32]]] = []
        self.moves: list[float] = []  # when the way to each hold begins
        self._plan()

    def _plan(self) -> None:
        """Write the script: what is said, shown and pointed at."""
        style, rng, now = self.style, self.rng, 0.0
        lines = iter(sentences(3 * HOLDS, seed=int(rng.integers(1 << 30))))
        if style.webcam:
            high = round((style.webcam * WIDTH * HEIGHT * 0.75) ** 0.5)
            wide = round(high / 0.75)
            left = WIDTH - wide if "right" in style.corner else 0
            top = HEIGHT - high if "bottom" in style.corner else 0
            self.truth.webcam = Box(left, top, left + wide, top + high)
        for number in range(HOLDS):
            if number == 0 or style.cuts:
                layout = _layout(style.draw, [self.seed, number, len(style.name)])
            self.layouts.append(layout)
            boxes = layout.screen.tissue
            views = [self.slide.look(box.width, box.height, style.shown, rng) for box in boxes]
            if number and not style.cuts:  # one picture is a film, the others stay
                views[1:] = self.views[-1][1:]
            self.views.append(views)
            self.moves.append(now)
            if number:
                now += 0.0 if style.cuts else float(rng.uniform(0.8, 1.6))
            begin = now
            now += float(rng.uniform(-0.3, 0.6)) if number and not style.cuts else 0.4
            for _ in range(int(rng.integers(1, 4))):
                now = self._say(next(lines), now, number) + float(rng.uniform(0.3, 0.8))
            if rng.random() < 0.25:
                now = self._say(str(rng.choice(REMARKS)), now, None) + 0.2
            now = max(now, begin + LEAST_HOLD_S)
            self.truth.holds.append((begin, now))
            self.truth.tissue.append(boxes)
            self.truth.covered.append([*layout.screen.navigators, *filter(None, [self.truth.webcam])])
            self._point(number, boxes)

    def _say(self, text: str, now: float, hold: int | None) -> float:
        speech = speak(text, seed=self.seed, speed=float(self.rng.uniform(0.95, 1.1)))
        end = now + len(speech.samples) / SAMPLE_RATE
        self.sound.append((now, speech.samples))
        self.truth.spoken.append(Spoken(text, now, end, hold))
        return end

    def _point(self, number: int, boxes: list[Box]) -> None:
        """A circle or strokes to and fro, as words are said about the hold; nine of ten holds have one."""
        rng, (begin, end) = self.rng, self.truth.holds[number]
        said = [line for line in self.truth.spoken if line.hold == number]
        line = said[int(rng.integers(len(said)))]
        start = float(np.clip(line.start + rng.uniform(0.2, 1.0), begin + 0.6, end - 2.2))
        stop = min(start + float(rng.uniform(1.8, 3.2)), end - 0.2)
        area = boxes[0] if not self.style.cuts else boxes[int(rng.integers(len(boxes)))]
        for _ in range(50):
            wide, high = (float(rng.uniform(0.2, 0.4)) * side for side in (area.width, area.height))
            wide, high = max(wide, 0.16 * WIDTH), max(high, 0.18 * HEIGHT)
            place = (
                area.left + wide / 2 + rng.random() * (area.width - wide),
                area.top + high / 2 + rng.random() * (area.height - high),
            )
            box = Box(
                *(
                    round(side)
                    for side in (place[0] - wide / 2, place[1] - high / 2, place[0] + wide / 2, place[1] + high / 2)
                )
            )
            if not any(box.common(other).area for other in self.truth.covered[number]):
                break
        turns = np.linspace(0, 2 * np.pi, max(2, round((stop - start) * FPS)))
        if rng.random() < 0.6:
            laps, phase = max(1, round((stop - start) / 2)), rng.uniform(0, 2 * np.pi)
            path = np.stack([np.cos(laps * turns + phase), np.sin(laps * turns + phase)], axis=1)
        else:
            path = np.stack([np.cos(2 * turns), np.linspace(-1, 1, len(turns))], axis=1)
        if rng.random() < 0.9:
            self.truth.gestures.append(Pointed(start, stop, number, path * (wide / 2, high / 2) + place))

    def frames(self) -> Iterator[Picture]:
        """Every frame."""
        speaker = _Speaker(SPEAKERS[self.seed % 2], self.truth.webcam, self.rng) if self.truth.webcam else None
        mouse, number, still = (0.5 * WIDTH, 0.6 * HEIGHT), 0, None
        for count in range(round(self.truth.holds[-1][1] * FPS)):
            now = count / FPS
            while number + 1 < HOLDS and now >= self.moves[number + 1]:
                number, still = number + 1, None
            begin, _ = self.truth.holds[number]
            settled = begin + (LOADING_S if self.style.tiles else 0.0)
            picture = self._screen(number, now) if still is None else still
            still = picture if now >= settled else None
            frame = picture.copy()
            mouse = self._mouse(now, mouse)
            if speaker:
                speaker.join(frame, now)
            yield CURSORS[self.style.cursor](frame, *mouse)

    def _screen(self, number: int, now: float) -> Picture:
        """The screen on the way to hold `number`, or there."""
        begin, views = self.truth.holds[number][0], list(self.views[number])
        if now < begin:
            share = (now - self.moves[number]) / (begin - self.moves[number])
            views[0] = self.views[number - 1][0].towards(views[0], share)
        loaded = float(np.clip((now - begin) / LOADING_S, 0, 1)) if self.style.tiles else 1.0
        boxes = self.layouts[number].screen.tissue
        parts = [
            self.slide.show(view, box.width, box.height, loaded if not n else 1.0)
            for n, (view, box) in enumerate(zip(views, boxes, strict=True))
        ]
        return self.layouts[number].put(parts)

    def _mouse(self, now: float, before: tuple[float, float]) -> tuple[float, float]:
        """Where the cursor is: on a gesture, on its straight way there, or where it was."""
        for gesture in self.truth.gestures:
            if gesture.start <= now <= gesture.end:
                at = round((now - gesture.start) * FPS)
                x, y = gesture.path[min(at, len(gesture.path) - 1)].tolist()
                return x, y
            if 0 < (left := gesture.start - now) <= 0.5:
                share = min(1.0, 1 / FPS / left)
                x, y = (a + (b - a) * share for a, b in zip(before, gesture.path[0].tolist(), strict=True))
                return x, y
        return before

    def record(self, path: Path) -> Truth:
        """Write the video and return what is so in it."""
        with av.open(str(path), "w") as out:
            picture = out.add_stream("libx264", rate=FPS, options={"crf": str(self.style.crf), "preset": "veryfast"})
            picture.width, picture.height, picture.pix_fmt, picture.thread_count = WIDTH, HEIGHT, "yuv420p", 1
            heard = out.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
            for frame in self.frames():
                image = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
                out.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="yuv420p")))
            out.mux(picture.encode(None))
            track = self.rng.normal(0, 4e-4, round(self.truth.holds[-1][1] * SAMPLE_RATE)).astype(np.float32)
            for start, samples in self.sound:
                place = round(start * SAMPLE_RATE)
                own = samples[: len(track) - place]
                track[place : place + len(own)] += 0.8 * own
            for begin in range(0, len(track), 1024):
                part = av.AudioFrame.from_ndarray(track[None, begin : begin + 1024], format="fltp", layout="mono")
                part.sample_rate, part.pts, part.time_base = SAMPLE_RATE, begin, Fraction(1, SAMPLE_RATE)
                out.mux(heard.encode(part))
            out.mux(heard.encode(None))
        return self.truth


class _Speaker:
    """A photographed face that nods, sits still for a while, and nods again."""

    def __init__(self, name: str, box: Box, rng: np.random.Generator) -> None:
        photo = photograph(name)
        side = min(photo.shape[0], photo.shape[1] * 3 // 4)
        self.photo = cv2.resize(photo[:side], (box.width, box.height), interpolation=cv2.INTER_AREA)
        self.box, self.rng = box, rng

    def join(self, frame: Picture, now: float) -> None:
        """Put the speaker into the frame."""
        lively = 1.0 if now % 7 < 4.5 else 0.15
        angle, size = 2.0 * lively * np.sin(1.7 * now), 1.04 + 0.02 * lively * np.sin(2.9 * now)
        move = cv2.getRotationMatrix2D((self.box.width / 2, self.box.height / 2), float(angle), float(size))
        move[0, 2] += 0.02 * self.box.width * lively * np.sin(1.1 * now)
        seen = cv2.warpAffine(self.photo, move, (self.box.width, self.box.height), borderMode=cv2.BORDER_REFLECT)
        middle, mouth = (self.box.width // 2, int(0.55 * self.box.height)), abs(np.sin(7 * now)) * (now % 4 < 3)
        cv2.ellipse(
            seen, middle, (self.box.width // 24, 1 + int(0.03 * self.box.height * mouth)), 0, 0, 360, (90, 40, 40), -1
        )
        noise = self.rng.normal(0, 1.5, seen.shape[:2])[..., None]
        frame[self.box.slices] = np.clip(seen + noise, 0, 255).astype(np.uint8)
