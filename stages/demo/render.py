"""Scripts turned into H.264 and AAC: the camera over the slides, the cursor, title cards and a talking head."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stages.demo.real import CANVAS, real_slide
from stages.demo.script import FPS, HEIGHT, WIDTH, Gesture, Script, SlideView
from stages.demo.tissue import paint
from stages.demo.voice import SAMPLE_RATE

Image = NDArray[np.uint8]
# One thread and no look-ahead: the same bytes on every run, at a speed that suits two cores.
X264 = "cpu-independent=1:rc-lookahead=0:sync-lookahead=0:bframes=0:aq-mode=0:weightp=0:mbtree=0"
ARROW = np.array([[0, 0], [0, 26], [6, 20], [11, 30], [15, 28], [10, 18], [18, 18]], np.int32)


@dataclass(frozen=True)
class Recording:
    """How a script is recorded: encoder settings, and what spoils a recording.

    `shake` is how far, in pixels, the picture jumps at most from frame to frame; `flicker` the share by which the lamp
    gets brighter or darker; a `variable` frame rate loses a third of its frames; `cursor` is a key of CURSORS.
    """

    rate: Fraction = Fraction(FPS)
    crf: int = 25
    preset: str = "ultrafast"
    shake: float = 0.0
    flicker: float = 0.0
    variable: bool = False
    cursor: str = "arrow"


def shoot(script: Script, path: Path, take: Recording = Recording()) -> None:
    """Write the video of `script` to `path` as mp4; the same script and take give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as out:
        options = {"preset": take.preset, "crf": str(take.crf), "x264-params": X264, "flags": "+bitexact"}
        picture = out.add_stream("libx264", rate=take.rate, options=options)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.thread_count = 1
        sound = None
        if script.decoy != "soundless":
            sound = out.add_stream("aac", rate=SAMPLE_RATE, layout="mono", options={"flags": "+bitexact"})
        for number, frame in _taken(script, take):
            # OpenCV converts colours several times faster than the encoder's own scaler.
            image = av.VideoFrame.from_ndarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
            image.pts, image.time_base = number, 1 / take.rate
            out.mux(picture.encode(image))
        out.mux(picture.encode(None))
        if sound is not None:
            for packet in _sound(script, sound):
                out.mux(packet)


def _sound(script: Script, stream: av.AudioStream) -> Iterator[list[av.Packet]]:
    track = np.random.default_rng(script.seed).normal(0, 0.0004, int(script.now * SAMPLE_RATE)).astype(np.float32)
    if script.decoy != "silent":
        for line in script.lines:
            begin = int(line.start * SAMPLE_RATE)
            samples = line.speech.samples[: len(track) - begin]
            track[begin : begin + len(samples)] += 0.8 * samples
    for begin in range(0, len(track), 1024):
        frame = av.AudioFrame.from_ndarray(
            np.clip(track[None, begin : begin + 1024], -1, 1), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, begin, Fraction(1, SAMPLE_RATE)
        yield stream.encode(frame)
    yield stream.encode(None)


def _slide(place: str, rng: np.random.Generator) -> Image:
    """The picture that the camera travels over: a drawn tissue, or a photographed slide or scene."""
    name = place.partition(":")[0]
    if name == "photo":
        return cv2.resize(real_slide(place), CANVAS[::-1], interpolation=cv2.INTER_CUBIC)
    return real_slide(place) if ":" in place else paint(name, *CANVAS, rng)


def render(slide: Image, half: Image, view: SlideView) -> Image:
    """Return what the camera sees, (HEIGHT, WIDTH, 3); `half` is the slide at half size, for low magnifications."""
    source, scale = (half, view.scale / 2) if view.scale > 1.4 else (slide, view.scale)
    height, width = source.shape[:2]
    reach = np.array([WIDTH, HEIGHT]) * scale / 2
    low, high = reach, np.maximum(reach, np.array([width, height]) - reach)
    center = np.clip(np.array([view.x * width, view.y * height]), low, high)
    move = np.array([[scale, 0, center[0] - reach[0]], [0, scale, center[1] - reach[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, move, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _between(a: SlideView, b: SlideView, share: float) -> SlideView:
    mix = lambda p, q: p + (q - p) * share  # noqa: E731
    return SlideView(a.slide, mix(a.x, b.x), mix(a.y, b.y), a.scale * (b.scale / a.scale) ** share)


def _taken(script: Script, take: Recording) -> Iterator[tuple[int, Image]]:
    """Number and picture of each frame that the recording has."""
    rng = np.random.default_rng([script.seed, 4])
    for number, (frame, pointer) in enumerate(frames(script, take.rate)):
        if take.variable and number % 3 == int(rng.integers(3)):
            continue
        if take.shake:
            dx, dy = rng.uniform(-1, 1, 2) * take.shake
            move = np.array([[1, 0, dx], [0, 1, dy]])
            frame = cv2.warpAffine(frame, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        if take.flicker:
            frame = cv2.convertScaleAbs(frame, alpha=1 + take.flicker * float(rng.uniform(-1, 1)))
        yield number, frame if pointer is None else CURSORS[take.cursor](frame, *pointer)


def frames(script: Script, rate: Fraction = Fraction(FPS)) -> Iterator[tuple[Image, tuple[float, float] | None]]:
    """Yield every frame without its cursor, and where the cursor's tip is, in pixels, or None."""
    rng = np.random.default_rng([script.seed, 1])
    current = -1
    slide = half = np.zeros((1, 1, 3), np.uint8)
    for shot in script.shots:
        if shot.view is not None and shot.view.slide != current:
            current = shot.view.slide
            slide = _slide(script.slides[current], rng)
            half = cv2.resize(slide, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        still: Image | None = None
        for n in range(_first(shot.start, rate), _first(shot.end, rate)):
            now = float(n / rate)
            if shot.kind == "title":
                frame = still = title(shot.text, script.seed) if still is None else still
            elif shot.kind == "head":
                frame = head(now, script.seed)
            elif shot.view is not None and shot.target is not None:
                share = (now - shot.start) / (shot.end - shot.start)
                frame = render(slide, half, _between(shot.view, shot.target, share))
            elif shot.view is not None:
                still = render(slide, half, shot.view) if still is None else still
                frame = still
            yield frame, pointer(now, script.gestures) if shot.kind == "hold" else None


def _first(time: float, rate: Fraction) -> int:
    """Number of the first frame at or after `time`."""
    return int(np.ceil(round(time * float(rate), 4)))


def pointer(now: float, gestures: list[Gesture]) -> tuple[float, float] | None:
    """Where the cursor's tip is at `now`, in pixels, or None."""
    for gesture in gestures:
        if gesture.start <= now < gesture.end:
            share = (now - gesture.start) / (gesture.end - gesture.start)
            turn = 2 * np.pi * max(1.0, round((gesture.end - gesture.start) / 2)) * share
            return gesture.x + gesture.radius * np.cos(turn), gesture.y + gesture.radius * np.sin(turn)
    return None


def arrow(frame: Image, x: float, y: float, fill: int = 255) -> Image:
    """Return a copy of `frame` with an outlined arrow whose tip is at (x, y)."""
    drawn = frame.copy()
    outline = ARROW + np.array([round(x), round(y)], np.int32)
    cv2.fillPoly(drawn, [outline], (fill, fill, fill), lineType=cv2.LINE_AA)
    cv2.polylines(drawn, [outline], True, (255 - fill,) * 3, 2, lineType=cv2.LINE_AA)
    return drawn


def dark_arrow(frame: Image, x: float, y: float) -> Image:
    """A black arrow with a white outline."""
    return arrow(frame, x, y, fill=0)


def cross(frame: Image, x: float, y: float) -> Image:
    """Cross hairs."""
    return cv2.drawMarker(frame.copy(), (round(x), round(y)), (0, 0, 0), cv2.MARKER_CROSS, 28, 3, cv2.LINE_AA)


def spot(frame: Image, x: float, y: float) -> Image:
    """A laser pointer's spot."""
    return cv2.circle(frame.copy(), (round(x), round(y)), 9, (0, 230, 60), -1, cv2.LINE_AA)


CURSORS: dict[str, Callable[[Image, float, float], Image]] = {
    drawer.__name__: drawer for drawer in (arrow, dark_arrow, cross, spot)
}


def title(text: str, seed: int) -> Image:
    """A title card."""
    rng = np.random.default_rng([seed, 2])
    frame = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    frame[:] = rng.integers(0, 90, 3) if rng.random() < 0.5 else rng.integers(200, 255, 3)
    ink = (20, 20, 20) if frame[0, 0].mean() > 128 else (240, 240, 240)
    cv2.putText(frame, text, (120, 320), cv2.FONT_HERSHEY_DUPLEX, 2.0, ink, 3, cv2.LINE_AA)
    cv2.putText(
        frame, f"Case {seed % 97} - demo lecture", (124, 420), cv2.FONT_HERSHEY_SIMPLEX, 1.2, ink, 2, cv2.LINE_AA
    )
    cv2.rectangle(frame, (120, 460), (900, 470), tuple(int(v) for v in rng.integers(60, 220, 3)), -1)
    return frame


def head(now: float, seed: int) -> Image:
    """A drawn speaker who nods and moves the lips."""
    rng = np.random.default_rng([seed, 3])
    wall, skin, shirt, hair = (
        tuple(int(v) for v in rng.integers(low, high, 3)) for low, high in ((120, 230), (150, 220), (20, 160), (10, 90))
    )
    frame = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    frame[:] = wall
    cv2.rectangle(frame, (80, 60), (420, 420), tuple(max(0, v - 40) for v in wall), -1)
    x, y = 640 + round(9 * np.sin(2.1 * now)), 320 + round(6 * np.sin(3.3 * now))
    cv2.ellipse(frame, (640, 760), (320, 260), 0, 0, 360, shirt, -1)
    cv2.ellipse(frame, (x, y - 30), (150, 190), 0, 0, 360, hair, -1)
    cv2.ellipse(frame, (x, y), (130, 170), 0, 0, 360, skin, -1)
    for side in (-48, 48):
        cv2.circle(frame, (x + side, y - 30), 14, (250, 250, 250), -1)
        cv2.circle(frame, (x + side, y - 30), 6, (30, 30, 30), -1)
    cv2.ellipse(frame, (x, y + 80), (40, 6 + round(abs(14 * np.sin(9 * now)))), 0, 0, 360, (120, 40, 50), -1)
    return cv2.GaussianBlur(frame, (0, 0), 1.5)
