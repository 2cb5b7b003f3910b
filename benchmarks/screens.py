"""Lecture frames put together from real and drawn tissue, with the rectangles in which they show it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import av
import cv2
import numpy as np

from benchmarks.sections import overview, tissue
from stages.common.data.arrays import Picture
from stages.common.regions.boxes import Box
from stages.demo.real import photograph

SIZES = ((1920, 1080), (1280, 720), (1280, 720), (854, 480), (960, 720), (1440, 900))
WORDS = ("invasive", "carcinoma", "nuclei", "stroma", "slide", "annotation", "layer", "score", "mitoses", "gland")
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)
Colour = tuple[int, int, int]
Painter = Callable[[int, int, np.random.Generator], Picture]  # of what a part so wide and high shows


@dataclass
class Screen:
    """A frame, where it shows tissue, and what lies over the tissue: webcams and navigators."""

    image: Picture
    tissue: list[Box] = field(default_factory=list)
    webcams: list[Box] = field(default_factory=list)
    navigators: list[Box] = field(default_factory=list)

    def put(self, part: Picture, left: int, top: int) -> Box:
        """Paste `part` and return its box."""
        box = Box(left, top, left + part.shape[1], top + part.shape[0])
        self.image[box.slices] = part
        return box


def words(image: Picture, box: Box, ink: Colour, size: float, rng: np.random.Generator) -> None:
    """Lines of text in `box`."""
    step = int(38 * size)
    font = int(rng.choice(FONTS))
    for y in range(box.top + step, box.bottom - 4, step):
        line = "- " + " ".join(rng.choice(WORDS, int(rng.integers(2, 5))))
        letters = max(1, int(box.width / (19 * size)))
        cv2.putText(image, line[:letters], (box.left + 4, y), font, size, ink, max(1, round(size * 2)), cv2.LINE_AA)


def bar(image: Picture, box: Box, ground: Colour, ink: Colour, rng: np.random.Generator) -> None:
    """A tool bar: buttons and words, across or down."""
    image[box.slices] = ground
    thin = min(box.width, box.height)
    for n in range(3, max(box.width, box.height) - thin, max(12, int(thin * rng.uniform(0.9, 2)))):
        if rng.random() < 0.3:
            continue
        x, y = (box.left + n, box.top + thin // 4) if box.width > box.height else (box.left + thin // 4, box.top + n)
        side = max(4, thin // 2)
        if rng.random() < 0.6:
            cv2.rectangle(image, (x, y), (x + side, y + side), _colour(rng), -1)
        elif box.width > box.height:
            cv2.putText(image, str(rng.choice(WORDS))[:6], (x, y + side), FONTS[0], thin / 70, ink, 1, cv2.LINE_AA)


def _colour(rng: np.random.Generator) -> Colour:
    return int(rng.integers(30, 230)), int(rng.integers(30, 230)), int(rng.integers(30, 230))


def _theme(rng: np.random.Generator) -> tuple[Colour, Colour, Colour]:
    """Background, a second background and ink; light or dark."""
    light = rng.random() < 0.55
    base = int(rng.integers(205, 238) if light else rng.integers(15, 70))
    other = base - int(rng.integers(8, 40)) if light else base + int(rng.integers(8, 40))
    tint = int(rng.integers(-6, 7))
    ink = 30 if light else 225
    return (base, base, min(255, base + abs(tint))), (other, other, max(0, other + tint)), (ink, ink, ink)


def blank(rng: np.random.Generator, ground: Colour = (0, 0, 0)) -> Screen:
    """An empty frame."""
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    image = np.empty((height, width, 3), np.uint8)
    image[:] = ground
    return Screen(image)


def _size(screen: Screen) -> tuple[int, int, float]:
    height, width = screen.image.shape[:2]
    return width, height, height / 720


def full(rng: np.random.Generator, what: Painter = tissue) -> Screen:
    """Nothing but tissue."""
    screen = blank(rng)
    width, height, _ = _size(screen)
    screen.tissue.append(screen.put(what(width, height, rng), 0, 0))
    return screen


def viewer(rng: np.random.Generator, what: Painter = tissue) -> Screen:
    """A slide viewer: bars, side panels, perhaps a navigator and a scale bar."""
    ground, second, ink = _theme(rng)
    screen = blank(rng, ground)
    width, height, unit = _size(screen)
    left = int(unit * rng.integers(2) * rng.integers(120, 300))
    right = width - int(unit * (rng.random() < 1 / 3) * rng.integers(50, 280))
    top, bottom = int(unit * rng.integers(30, 110)), height - int(unit * rng.integers(2) * rng.integers(18, 50))
    bar(screen.image, Box(0, 0, width, top), second, ink, rng)
    if top > 60 * unit:
        bar(screen.image, Box(0, top // 2, width, top), ground, ink, rng)
    for side in (Box(0, top, left, bottom), Box(right, top, width, bottom)):
        if side.width > 100 * unit:
            words(screen.image, side, ink, 0.45 * unit, rng)
        elif side.area:
            bar(screen.image, side, second, ink, rng)
    box = screen.put(what(right - left, bottom - top, rng), left, top)
    screen.tissue.append(box)
    if rng.random() < 0.5:
        w, h = int(rng.uniform(100, 200) * unit), int(rng.uniform(100, 160) * unit)
        x = int(rng.choice([box.left + 10, box.right - w - 10]))
        screen.navigators.append(screen.put(overview(w, h, rng), x, box.top + 10))
        cv2.rectangle(screen.image, (x - 1, box.top + 9), (x + w, box.top + 10 + h), _theme(rng)[2], 1)
    if rng.random() < 0.5:
        x, y, w = box.left + int(20 * unit), box.bottom - int(36 * unit), int(rng.uniform(80, 180) * unit)
        cv2.rectangle(screen.image, (x, y), (x + w, y + int(6 * unit)), (0, 0, 0), -1)
        cv2.putText(screen.image, "100 um", (x + w // 4, y - 6), FONTS[0], 0.5 * unit, (0, 0, 0), 1, cv2.LINE_AA)
    return screen


def whole_slide(rng: np.random.Generator) -> Screen:
    """Whole sections on glass in a viewer."""
    return viewer(rng, overview)


def webcam(rng: np.random.Generator) -> Screen:
    """A speaker in a corner, over tissue that fills the frame or a viewer."""
    screen = full(rng) if rng.random() < 0.6 else viewer(rng)
    screen.navigators.clear()
    width, height, _ = _size(screen)
    w = int(width * rng.uniform(0.15, 0.35))
    h = int(w * rng.choice([0.75, 0.5625]))
    margin = int(rng.choice([0, 16]))
    x, y = int(rng.choice([margin, width - w - margin])), int(rng.choice([margin, height - h - margin]))
    screen.webcams.append(screen.put(cv2.resize(photograph("astronaut")[:384], (w, h)), x, y))
    return screen


def slide(rng: np.random.Generator, what: Painter = tissue) -> Screen:
    """A presentation: a title, words, and one to four pictures."""
    ground, second, ink = _theme(rng)
    screen = blank(rng, (255, 255, 255) if rng.random() < 0.5 else ground)
    if screen.image[0, 0, 0] == 255:
        ink = (20, 20, 60)
    width, height, unit = _size(screen)
    top = int(rng.integers(70, 120) * unit)
    if rng.random() < 0.6:
        screen.image[:top] = _colour(rng) if rng.random() < 0.5 else second
    title = " ".join(rng.choice(WORDS, 4))
    cv2.putText(screen.image, title, (40, int(top * 0.65)), FONTS[1], unit, ink, 2, cv2.LINE_AA)
    count, gap = int(rng.integers(1, 5)), int(rng.integers(12, 40) * unit)
    area = Box(gap, top + gap, width - gap, height - gap)
    if count < 3 or rng.random() < 0.5:
        share = rng.uniform(0.3, 0.5)
        middle = int(width * share)
        if rng.random() < 0.6:
            words(screen.image, area._replace(right=middle), ink, 0.8 * unit, rng)
            area = area._replace(left=middle + gap)
        else:
            words(screen.image, area._replace(left=width - middle), ink, 0.8 * unit, rng)
            area = area._replace(right=width - middle - gap)
    columns = 1 if count == 1 else 2
    rows = -(-count // columns)
    for n in range(count):
        w, h = (area.width - (columns - 1) * gap) // columns, (area.height - (rows - 1) * gap) // rows
        x, y = area.left + n % columns * (w + gap), area.top + n // columns * (h + gap)
        caption = int(rng.choice([0, 26]) * unit)
        w, h = int(w * rng.uniform(0.8, 1)), int((h - caption) * rng.uniform(0.8, 1))
        screen.tissue.append(screen.put(what(w, h, rng), x, y))
        if caption:
            place = (x, y + h + caption - 4)
            cv2.putText(screen.image, f"H&E, {10 * (n + 1)}x", place, FONTS[0], 0.6 * unit, ink, 1, cv2.LINE_AA)
    return screen


def split(rng: np.random.Generator) -> Screen:
    """Two views side by side, a thin line or nothing between them."""
    screen = blank(rng, _theme(rng)[1])
    width, height, _ = _size(screen)
    at, thick = int(width * rng.uniform(0.4, 0.6)), int(rng.choice([0, 2, 6]))
    screen.tissue.append(screen.put(tissue(at - thick, height, rng), 0, 0))
    screen.tissue.append(screen.put(tissue(width - at, height, rng), at, 0))
    return screen


def letterbox(rng: np.random.Generator) -> Screen:
    """Black above and below, or to the left and right."""
    screen = blank(rng)
    width, height, _ = _size(screen)
    x, y = ((0, int(height * rng.uniform(0.06, 0.15))), (int(width * rng.uniform(0.08, 0.2)), 0))[int(rng.integers(2))]
    screen.tissue.append(screen.put(tissue(width - 2 * x, height - 2 * y, rng), x, y))
    return screen


def browser(rng: np.random.Generator, what: Painter = tissue) -> Screen:
    """A window on a desktop: a wall paper, a task bar, tabs, an address, words beside the picture."""
    screen = blank(rng)
    width, height, unit = _size(screen)
    if rng.random() < 0.5:
        screen.image[:] = cv2.resize(photograph(str(rng.choice(("china", "galaxy", "rocket")))), (width, height))
    else:
        screen.image[:] = np.linspace(_colour(rng), _colour(rng), width).astype(np.uint8)
    ground, second, ink = _theme(rng)
    x0, y0 = int(rng.uniform(0.02, 0.15) * width), int(rng.uniform(0.02, 0.1) * height)
    window = Box(x0, y0, width - int(rng.uniform(0.02, 0.1) * width), height - int(70 * unit))
    screen.image[window.slices] = ground
    top = window.top + int(70 * unit)
    bar(screen.image, Box(window.left, window.top, window.right, top), second, ink, rng)
    side = int(rng.choice([0, 200]) * unit)
    if side:
        words(screen.image, Box(window.left, top, window.left + side, window.bottom), ink, 0.5 * unit, rng)
    left, margin = window.left + side, int(rng.choice([0, 14]) * unit)
    part = what(window.right - left - 2 * margin, window.bottom - top - 2 * margin, rng)
    screen.tissue.append(screen.put(part, left + margin, top + margin))
    bar(screen.image, Box(0, height - int(40 * unit), width, height), (40, 40, 46), (230, 230, 230), rng)
    return screen


def text_slide(rng: np.random.Generator) -> Screen:
    """Words, and perhaps a chart; no tissue."""
    ground, second, ink = _theme(rng)
    screen = blank(rng, ground)
    width, height, unit = _size(screen)
    screen.image[: int(90 * unit)] = second if rng.random() < 0.5 else _colour(rng)
    words(screen.image, Box(30, int(100 * unit), int(width * rng.uniform(0.4, 0.9)), height), ink, 0.9 * unit, rng)
    if rng.random() < 0.5:
        for n in range(6):
            x, tall = int(width * (0.55 + 0.07 * n)), int(rng.uniform(0.1, 0.6) * height)
            cv2.rectangle(screen.image, (x, height - 40 - tall), (x + width // 20, height - 40), _colour(rng), -1)
    return screen


def desktop(rng: np.random.Generator) -> Screen:
    """Dialogs and bars; no tissue."""
    ground, second, ink = _theme(rng)
    screen = blank(rng, _colour(rng))
    width, height, unit = _size(screen)
    for _ in range(int(rng.integers(1, 5))):
        w, h = int(width * rng.uniform(0.25, 0.6)), int(height * rng.uniform(0.25, 0.6))
        x, y = int(rng.integers(width - w)), int(rng.integers(height - h))
        window = Box(x, y, x + w, y + h)
        screen.image[window.slices] = ground
        bar(screen.image, window._replace(bottom=y + int(30 * unit)), second, ink, rng)
        words(screen.image, window._replace(top=y + int(34 * unit)), ink, 0.5 * unit, rng)
    bar(screen.image, Box(0, height - int(40 * unit), width, height), (40, 40, 46), (230, 230, 230), rng)
    return screen


WITH_TISSUE = (full, viewer, whole_slide, webcam, slide, split, letterbox, browser)
WITHOUT = (text_slide, desktop)


def encoded(image: Picture, rng: np.random.Generator) -> Picture:
    """The frame as a video or a JPEG would show it."""
    if rng.random() < 0.3:
        quality = int(rng.integers(60, 95))
        data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    codec = av.CodecContext.create("libx264", "w")
    codec.height, codec.width, codec.pix_fmt = *image.shape[:2], "yuv420p"
    codec.time_base, codec.thread_count = 1, 1
    codec.options = {"crf": str(int(rng.integers(20, 29))), "preset": "veryfast"}
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    packets = [*codec.encode(frame), *codec.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    pictures = [picture for packet in [*packets, None] for picture in decoder.decode(packet)]
    return pictures[0].to_ndarray(format="rgb24")
