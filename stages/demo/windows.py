"""Windows on a desktop: programs with menus, tools and panels around a picture, and dialogs that are all words."""

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stages.common.data.arrays import Picture

MENUS = [
    "File",
    "Edit",
    "View",
    "Objects",
    "Measure",
    "Automate",
    "Analyze",
    "Tools",
    "Window",
    "Help",
    "Image",
    "Plugins",
]
WORDS = [
    "Project",
    "slide_0042.svs",
    "Magnification",
    "Annotations",
    "Tumor",
    "Stroma",
    "Name",
    "Width",
    "Height",
    "Open",
    "Pixel size",
    "0.2521 um",
    "Image type",
    "Brightfield",
    "Threshold",
    "Apply",
    "Cancel",
    "Channel",
    "Opacity",
    "Gaussian blur",
    "Classifier",
    "Export",
    "Layer 1",
    "training.log",
    "conda activate",
    "import numpy as np",
    "Epoch 12/50",
    "loss 0.3412",
    "Warning",
    "Detection",
    "Settings",
    "Hierarchy",
    "Workflow",
    "Description",
]
Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]


class Theme:
    """The colours and letters of one program."""

    def __init__(self, rng: np.random.Generator) -> None:
        dark = rng.random() < 0.5
        self.ground = grey(rng, 8, 60) if dark else grey(rng, 215, 250)
        self.panel = grey(rng, 15, 75) if dark else grey(rng, 200, 255)
        self.line = grey(rng, 70, 110) if dark else grey(rng, 150, 200)
        self.ink = grey(rng, 190, 240) if dark else grey(rng, 0, 70)
        self.accent = tuple(int(value) for value in rng.integers(20, 230, 3))
        self.size = int(rng.integers(9, 14))

    @property
    def font(self) -> ImageFont.FreeTypeFont:
        """Its letters."""
        return font(self.size)


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib carries."""
    from matplotlib import font_manager

    wanted = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return ImageFont.truetype(font_manager.findfont(wanted), size)


def viewer(inner: Picture, width: int, height: int, rng: np.random.Generator) -> Picture:
    """A program's window that shows `inner`: title, menus, tool bar, panels on some sides and a status bar."""
    theme = Theme(rng)
    canvas = Image.new("RGB", (width, height), theme.ground)
    draw = ImageDraw.Draw(canvas)
    row = theme.size + int(rng.integers(6, 12))
    top, left, right, bottom = 0, 0, width, height
    if rng.random() < 0.7:
        draw.rectangle((0, 0, width, row), fill=theme.accent if rng.random() < 0.4 else theme.panel)
        draw.text((8, 3), f"{rng.choice(WORDS)} - viewer", theme.ink, theme.font)
        for number in range(3):
            draw.ellipse(
                (width - 20 * (number + 1), 4, width - 20 * (number + 1) + row - 8, row - 4), outline=theme.ink
            )
        top = row
    if rng.random() < 0.8:
        _words(
            draw, (8, top + 3), theme, [str(word) for word in rng.choice(MENUS, int(rng.integers(4, 9)), replace=False)]
        )
        top += row
    if rng.random() < 0.7:
        _tools(draw, (4, top, width, top + row + 6), theme, rng)
        top += row + 8
    if rng.random() < 0.6:
        bottom -= row
        _words(
            draw,
            (8, bottom + 3),
            theme,
            [str(rng.choice(WORDS)), f"{rng.uniform(1, 40):.1f}x", f"{rng.integers(9999)} px"],
        )
    if rng.random() < 0.6:
        left = int(width * rng.uniform(0.08, 0.3))
        _panel(draw, (0, top, left, bottom), theme, rng)
    if rng.random() < 0.4:
        right = width - int(width * rng.uniform(0.1, 0.28))
        (_legend if rng.random() < 0.4 else _panel)(draw, (right, top, width, bottom), theme, rng)
    box = _room(draw, (left, top, right, bottom), rng)
    canvas.paste(Image.fromarray(inner).resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR), box[:2])
    return np.asarray(canvas).copy()


def dialog(width: int, height: int, rng: np.random.Generator) -> Picture:
    """One to four overlapping windows of words: settings, lists of files, a console, a web page."""
    theme = Theme(rng)
    canvas = Image.new("RGB", (width, height), tuple(int(value) for value in rng.integers(10, 250, 3)))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(1, 5))):
        whole = rng.random() < 0.4
        w = width if whole else int(width * rng.uniform(0.35, 0.9))
        h = height if whole else int(height * rng.uniform(0.35, 0.9))
        x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        draw.rectangle((x, y, x + w, y + h), fill=theme.panel, outline=theme.line)
        draw.rectangle((x, y, x + w, y + 18), fill=theme.accent if rng.random() < 0.6 else theme.ground)
        _words(
            draw,
            (x + 6, y + 3),
            theme,
            [str(word) for word in rng.choice(MENUS, int(rng.integers(1, 7)), replace=False)],
        )
        _panel(draw, (x, y + 20, x + w, y + h), theme, rng)
        theme = Theme(rng)
    return np.asarray(canvas).copy()


def grey(rng: np.random.Generator, low: int, high: int) -> Colour:
    """A grey from `low` to below `high`, perhaps a little blue."""
    value = int(rng.integers(low, high))
    return (value, value, min(255, value + int(rng.integers(0, 6))))


def _room(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> Box:
    """The part of `box` that the picture takes: almost all of it, or less, in a plain frame of its own."""
    left, top, right, bottom = box
    across = down = int(rng.integers(0, 5))
    if rng.random() < 0.25:
        draw.rectangle(box, fill=grey(rng, 0, 30) if rng.random() < 0.5 else grey(rng, 235, 256))
        across, down = (int(side * rng.uniform(0, 0.2)) for side in (right - left, bottom - top))
    return (left + across, top + down, right - across, bottom - down)


def _words(draw: ImageDraw.ImageDraw, at: tuple[int, int], theme: Theme, words: Sequence[str]) -> None:
    draw.text(at, "   ".join(words), theme.ink, theme.font)


def _tools(draw: ImageDraw.ImageDraw, box: Box, theme: Theme, rng: np.random.Generator) -> None:
    """A row of icons."""
    left, top, right, bottom = box
    side = bottom - top - 6
    for x in range(left, min(right - side, left + int(rng.integers(8, 30)) * (side + 6)), side + 6):
        ink = tuple(int(value) for value in rng.integers(0, 255, 3)) if rng.random() < 0.4 else theme.ink
        place = (x + 3, top + 4, x + side - 3, top + side - 2)
        (draw.rectangle, draw.ellipse, draw.line)[int(rng.integers(3))](place, fill=ink)


def _panel(draw: ImageDraw.ImageDraw, box: Box, theme: Theme, rng: np.random.Generator) -> None:
    """Rows of words, boxes to tick, sliders, buttons or swatches on a plain ground."""
    left, top, right, bottom = box
    draw.rectangle(box, fill=theme.panel, outline=theme.line)
    row = theme.size + int(rng.integers(4, 14))
    for y in range(top + 8, bottom - row, row):
        part, x = rng.random(), left + 8 + int(rng.integers(0, 3)) * 8
        if part < 0.1:
            continue
        if part < 0.2:
            draw.line((x, y + row // 2, right - 10, y + row // 2), fill=theme.line, width=3)
            knob = int(rng.integers(x, max(right - 10, x + 1)))
            draw.ellipse((knob, y + 2, knob + 8, y + 10), fill=theme.accent)
        elif part < 0.3:
            draw.rectangle((x, y, min(x + 90, right - 6), y + row - 4), fill=theme.ground, outline=theme.line)
            draw.text((x + 6, y), str(rng.choice(WORDS))[: max(2, (right - x) // 9)], theme.ink, theme.font)
        else:
            if part < 0.45:
                draw.rectangle((x, y + 1, x + 9, y + 10), outline=theme.ink, fill=theme.accent if part < 0.36 else None)
            words = " ".join(str(word) for word in rng.choice(WORDS, int(rng.integers(1, 9))))
            draw.text((x + 14, y), words[: max(2, (right - x - 20) * 2 // theme.size)], theme.ink, theme.font)


def _legend(draw: ImageDraw.ImageDraw, box: Box, theme: Theme, rng: np.random.Generator) -> None:
    """A list of channels or cell types, each with a box to tick, a count and its colour."""
    left, top, right, bottom = box
    draw.rectangle(box, fill=theme.panel, outline=theme.line)
    row = theme.size + int(rng.integers(6, 16))
    for y in range(top + 8, bottom - row, row):
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        draw.rectangle((left + 6, y + 2, left + 14, y + 10), fill=theme.accent)
        draw.text((left + 20, y), str(rng.choice(WORDS))[: max(2, (right - left) // 14)], theme.ink, theme.font)
        draw.text(((left + right) // 2 + 8, y), str(rng.integers(9999)), theme.ink, theme.font)
        draw.rectangle((right - 24, y, right - 8, y + theme.size), fill=colour, outline=theme.line)
