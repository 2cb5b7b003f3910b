"""Lectures over real tissue as people give them: in a slide viewer or a presentation, perhaps with a webcam."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks import screens
from benchmarks.glass import GlassSlide, View
from benchmarks.narration import sentences
from stages.common.data.arrays import Floats, Picture
from stages.common.regions.boxes import Box
from stages.demo.voice import SAMPLE_RATE, speak

FPS = 15
WIDTH, HEIGHT = 1280, 720
HOLDS = 9  # of a lecture
LEAST_HOLD_S = 3.6
REMARKS = ("Okay, so let us move on from here.", "And now to the next one.", "Good, let us go on.")


@dataclass(frozen=True)
class Style:
    """How one lecture is made.

    `draw` is the screen around the tissue. With `cuts` every hold is a slide of its own, else the camera moves.
    `webcam` is the share of the frame that the speaker fills, in `corner`. `shown` is how much of a view is tissue, at
    least and at most; the rest is glass. `stain` is how much of the tissue's colour is left. `tiles` load for a while.
    The camera takes so many `steps` to the next view, or glides.
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
    steps: int = 0
    crf: int = 24


STYLES = (
    Style("viewer", "skin"),
    Style("viewer, tiles load", "gland", tiles=True, cursor="cross"),
    Style("viewer, webcam 4 %", "ovary_stroma", webcam=0.04, cursor="dark_arrow"),
    Style("viewer, webcam 12 %", "skin", webcam=0.12, corner="left bottom", crf=28),
    Style("whole frame, webcam 22 %", "gland", screens.full, webcam=0.22, corner="right top"),
    Style("viewer, nearly bare", "colon_ihc", shown=(0.08, 0.3)),
    Style("viewer, pale, in steps", "skin", stain=0.4, tiles=True, steps=5, crf=28),
    Style("browser, in steps", "ovary_nest", screens.browser, cursor="dark_arrow", steps=4),
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
class Window:
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


def _layout(draw: Callable[..., screens.Screen], seed: list[int]) -> Window:
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
    return Window(black.image, (white.image.astype(np.float32) - black.image) / 255, black)


class Talk:
    """What is said, shown and pointed at in one lecture."""

    def __init__(self, style: Style, seed: int) -> None:
        self.style, self.rng = style, np.random.default_rng([seed, *style.name.encode()])
        self.seed, self.truth = seed, Truth()
        self.slide = GlassSlide(style.tissue, style.stain, self.rng)
        self.layouts: list[Window] = []
        self.views: list[list[View]] = []
        self.sound: list[tuple[float, NDArray[np.float32]]] = []
        self.moves: list[float] = []  # when the way to each hold begins
        self._plan()

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.truth.holds[-1][1]

    def _plan(self) -> None:
        style, rng, now = self.style, self.rng, 0.0
        lines = iter(sentences(3 * HOLDS, seed=int(rng.integers(1 << 30))))
        if style.webcam:
            self.truth.webcam = _corner(style.webcam, style.corner)
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
            wide = max(float(rng.uniform(0.2, 0.4)) * area.width, 0.16 * WIDTH)
            high = max(float(rng.uniform(0.2, 0.4)) * area.height, 0.18 * HEIGHT)
            x = area.left + wide / 2 + rng.random() * (area.width - wide)
            y = area.top + high / 2 + rng.random() * (area.height - high)
            box = Box(round(x - wide / 2), round(y - high / 2), round(x + wide / 2), round(y + high / 2))
            if not any(box.common(other).area for other in self.truth.covered[number]):
                break
        turns = np.linspace(0, 2 * np.pi, max(2, round((stop - start) * FPS)))
        if rng.random() < 0.6:
            laps, phase = max(1, round((stop - start) / 2)), rng.uniform(0, 2 * np.pi)
            path = np.stack([np.cos(laps * turns + phase), np.sin(laps * turns + phase)], axis=1)
        else:
            path = np.stack([np.cos(2 * turns), np.linspace(-1, 1, len(turns))], axis=1)
        if rng.random() < 0.9:
            self.truth.gestures.append(Pointed(start, stop, number, path * (wide / 2, high / 2) + (x, y)))


def _corner(share: float, corner: str) -> Box:
    """A rectangle of 4 by 3 in a corner of the frame, of which it is this share."""
    high = round((share * WIDTH * HEIGHT * 0.75) ** 0.5)
    wide = round(high / 0.75)
    left = WIDTH - wide if "right" in corner else 0
    top = HEIGHT - high if "bottom" in corner else 0
    return Box(left, top, left + wide, top + high)
