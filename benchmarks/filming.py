"""Talks turned into H.264 and AAC: the camera over the slide, the cursor, the speaker in a corner, the voice."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.recordings import FPS, HEIGHT, WIDTH, Pointed, Talk
from stages.common.data.arrays import Picture
from stages.common.regions.boxes import Box
from stages.demo.real import photograph
from stages.demo.render import CURSORS
from stages.demo.voice import SAMPLE_RATE

LOADING_S = 0.8  # seconds until all tiles are there
APPROACH_S = 0.5  # seconds of a cursor's way to a gesture
SPEAKERS = ("astronaut", "hopper")
Place = tuple[float, float]


def film(talk: Talk, path: Path) -> None:
    """Write the video of `talk`."""
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=FPS, options={"crf": str(talk.style.crf), "preset": "veryfast"})
        picture.width, picture.height, picture.pix_fmt, picture.thread_count = WIDTH, HEIGHT, "yuv420p", 1
        heard = out.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for frame in frames(talk):
            image = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
            out.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="yuv420p")))
        out.mux(picture.encode(None))
        track = np.random.default_rng(talk.seed).normal(0, 4e-4, round(talk.seconds * SAMPLE_RATE)).astype(np.float32)
        for start, samples in talk.sound:
            place = round(start * SAMPLE_RATE)
            own = samples[: len(track) - place]
            track[place : place + len(own)] += 0.8 * own
        for begin in range(0, len(track), 1024):
            part = av.AudioFrame.from_ndarray(track[None, begin : begin + 1024], format="fltp", layout="mono")
            part.sample_rate, part.pts, part.time_base = SAMPLE_RATE, begin, Fraction(1, SAMPLE_RATE)
            out.mux(heard.encode(part))
        out.mux(heard.encode(None))


def frames(talk: Talk) -> Iterator[Picture]:
    """Every frame."""
    webcam = talk.truth.webcam
    speaker = _Speaker(SPEAKERS[talk.seed % 2], webcam, np.random.default_rng(talk.seed)) if webcam else None
    mouse, number, still = (0.5 * WIDTH, 0.6 * HEIGHT), 0, None
    for count in range(round(talk.seconds * FPS)):
        now = count / FPS
        while number + 1 < len(talk.moves) and now >= talk.moves[number + 1]:
            number, still = number + 1, None
        settled = talk.truth.holds[number][0] + (LOADING_S if talk.style.tiles else 0.0)
        picture = _screen(talk, number, now) if still is None else still
        still = picture if now >= settled else None
        frame = picture.copy()
        mouse = _mouse(talk.truth.gestures, now, mouse)
        if speaker:
            speaker.join(frame, now)
        yield CURSORS[talk.style.cursor](frame, *mouse)


def _screen(talk: Talk, number: int, now: float) -> Picture:
    """The screen on the way to hold `number`, or there."""
    begin, views, steps = talk.truth.holds[number][0], list(talk.views[number]), talk.style.steps
    if now < begin:
        share = (now - talk.moves[number]) / (begin - talk.moves[number])
        share = int(share * steps + 1) / (steps + 1) if steps else share
        views[0] = talk.views[number - 1][0].towards(views[0], share)
    loaded = float(np.clip((now - begin) / LOADING_S, 0, 1)) if talk.style.tiles else 1.0
    boxes = talk.layouts[number].screen.tissue
    parts = [
        talk.slide.show(view, box.width, box.height, loaded if not n else 1.0)
        for n, (view, box) in enumerate(zip(views, boxes, strict=True))
    ]
    return talk.layouts[number].put(parts)


def _mouse(gestures: list[Pointed], now: float, before: Place) -> Place:
    """Where the cursor is: on a gesture, on its straight way there, or where it was."""
    for gesture in gestures:
        if gesture.start <= now <= gesture.end:
            at = round((now - gesture.start) * FPS)
            x, y = gesture.path[min(at, len(gesture.path) - 1)].tolist()
            return x, y
        if 0 < (left := gesture.start - now) <= APPROACH_S:
            share = min(1.0, 1 / FPS / left)
            x, y = (a + (b - a) * share for a, b in zip(before, gesture.path[0].tolist(), strict=True))
            return x, y
    return before


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
