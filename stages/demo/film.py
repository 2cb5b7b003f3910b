"""Scripts turned into H.264 and AAC: the camera over the slides, the cursor, title cards and a talking head."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stages.demo.real import photograph
from stages.demo.script import FPS, HEIGHT, WIDTH, Gesture, Script, Shot, View
from stages.demo.tissue import paint
from stages.demo.voice import SAMPLE_RATE

Image = NDArray[np.uint8]
CANVAS = (1500, 2660)
# One thread and no look-ahead: the same bytes on every run, at a speed that suits two cores.
X264 = "rc-lookahead=0:sync-lookahead=0:bframes=0:aq-mode=0:weightp=0:mbtree=0"
CURSOR = np.array([[0, 0], [0, 26], [6, 20], [11, 30], [15, 28], [10, 18], [18, 18]], np.int32)


def shoot(script: Script, path: Path) -> None:
    """Write the video of `script` to `path` as mp4; the same script gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as film:
        picture = film.add_stream(
            "libx264", rate=FPS, options={"preset": "ultrafast", "crf": "25", "x264-params": X264, "flags": "+bitexact"}
        )
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.thread_count = 1
        sound = None
        if script.decoy != "soundless":
            sound = film.add_stream("aac", rate=SAMPLE_RATE, layout="mono", options={"flags": "+bitexact"})
        for number, frame in enumerate(_frames(script)):
            # OpenCV converts colours several times faster than the encoder's own scaler.
            image = av.VideoFrame.from_ndarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
            image.pts, image.time_base = number, Fraction(1, FPS)
            film.mux(picture.encode(image))
        film.mux(picture.encode(None))
        if sound is not None:
            for packet in _sound(script, sound):
                film.mux(packet)


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
    tissue, _, real = place.partition(":")
    if tissue == "photo":
        return cv2.resize(photograph(real), CANVAS[::-1], interpolation=cv2.INTER_CUBIC)
    if real:
        image = photograph("skin" if tissue == "epidermis" else "ovary_nest")
        return np.ascontiguousarray(np.rot90(image)) if image.shape[0] > image.shape[1] else image
    return paint(tissue, *CANVAS, rng)


def look(slide: Image, half: Image, view: View) -> Image:
    """Return what the camera sees, (HEIGHT, WIDTH, 3); `half` is the slide at half size, for looking from afar."""
    source, scale = (half, view.scale / 2) if view.scale > 1.4 else (slide, view.scale)
    height, width = source.shape[:2]
    reach = np.array([WIDTH, HEIGHT]) * scale / 2
    low, high = reach, np.maximum(reach, np.array([width, height]) - reach)
    center = np.clip(np.array([view.x * width, view.y * height]), low, high)
    move = np.array([[scale, 0, center[0] - reach[0]], [0, scale, center[1] - reach[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, move, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _between(a: View, b: View, share: float) -> View:
    mix = lambda p, q: p + (q - p) * share  # noqa: E731
    return View(a.slide, mix(a.x, b.x), mix(a.y, b.y), a.scale * (b.scale / a.scale) ** share)


def _frames(script: Script) -> Iterator[Image]:
    rng = np.random.default_rng([script.seed, 1])
    current = -1
    slide = half = np.zeros((1, 1, 3), np.uint8)
    for shot in script.shots:
        if shot.view is not None and shot.view.slide != current:
            current = shot.view.slide
            slide = _slide(script.slides[current], rng)
            half = cv2.resize(slide, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        still: Image | None = None
        count = round((shot.end - shot.start) * FPS)
        for n in range(count):
            now = shot.start + n / FPS
            if shot.kind in ("title", "head"):
                frame = title(shot.text, script.seed) if shot.kind == "title" else head(now, script.seed)
            elif shot.view is not None and shot.target is not None:
                frame = look(slide, half, _between(shot.view, shot.target, n / count))
            elif shot.view is not None:
                still = look(slide, half, shot.view) if still is None else still
                frame = still
            yield _with_cursor(frame, now, shot, script.gestures)


def _with_cursor(frame: Image, now: float, shot: Shot, gestures: list[Gesture]) -> Image:
    for gesture in gestures:
        if shot.kind == "hold" and gesture.start <= now < gesture.end:
            share = (now - gesture.start) / (gesture.end - gesture.start)
            turn = 2 * np.pi * max(1.0, round((gesture.end - gesture.start) / 2)) * share
            x = gesture.x + gesture.radius * np.cos(turn)
            y = gesture.y + gesture.radius * np.sin(turn)
            return cursor(frame, x, y)
    return frame


def cursor(frame: Image, x: float, y: float) -> Image:
    """Return a copy of `frame` with an arrow whose tip is at (x, y)."""
    drawn = frame.copy()
    outline = CURSOR + np.array([round(x), round(y)], np.int32)
    cv2.fillPoly(drawn, [outline], (255, 255, 255), lineType=cv2.LINE_AA)
    cv2.polylines(drawn, [outline], True, (0, 0, 0), 2, lineType=cv2.LINE_AA)
    return drawn


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
