"""Pages of words: lecture slides, papers and diagrams, perhaps with pictures."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from stages.common.data.arrays import Picture
from stages.demo.windows import Colour, font, grey

SPOKEN = [
    "the",
    "of",
    "and",
    "with",
    "patient",
    "diagnosis",
    "carcinoma",
    "differential",
    "features",
    "clinical",
    "history",
    "immunohistochemistry",
    "molecular",
    "prognosis",
    "grade",
    "references",
    "learning",
    "objectives",
    "network",
    "encoder",
    "contrastive",
    "dataset",
    "results",
    "method",
    "training",
    "images",
    "text",
    "score",
    "classification",
]


def page(width: int, height: int, rng: np.random.Generator, pictures: Sequence[Picture] = ()) -> Picture:
    """A lecture slide, a page of a paper or a diagram: words, bullets, boxes and arrows; with `pictures`, a diagram
    that shows them."""
    dark = rng.random() < 0.25
    ground, ink = ((20, 30, 60), (240, 240, 240)) if dark else (grey(rng, 235, 256), (20, 20, 20))
    canvas = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(canvas)
    accent = tuple(int(value) for value in rng.integers(20, 220, 3))
    if rng.random() < 0.4:
        draw.rectangle((0, 0, width, int(height * 0.14)), fill=accent)
    draw.text(
        (int(width * 0.05), int(height * 0.04)), _sentence(rng, 4), ink, font(int(rng.integers(16, 30)), bold=True)
    )
    box = (int(width * 0.05), int(height * 0.2), int(width * 0.95), height - 12)
    if pictures:
        _diagram(draw, box, ink, rng)
        _illustrate(canvas, box, pictures, rng)
    else:
        PAGES[int(rng.integers(len(PAGES)))](draw, box, ink, rng)
    return np.asarray(canvas).copy()


def _sentence(rng: np.random.Generator, count: int) -> str:
    return " ".join(str(word) for word in rng.choice(SPOKEN, count))


def _bullets(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], ink: Colour, rng: np.random.Generator) -> None:
    size = int(rng.integers(12, 20))
    for y in range(box[1], box[3] - size, int(size * rng.uniform(1.5, 2.5))):
        indent = int(rng.choice([0, 0, 24]))
        draw.ellipse((box[0] + indent, y + size // 3, box[0] + indent + 6, y + size // 3 + 6), fill=ink)
        draw.text((box[0] + indent + 14, y), _sentence(rng, int(rng.integers(3, 9))), ink, font(size))


def _columns(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], ink: Colour, rng: np.random.Generator) -> None:
    """A page of a paper in one to three columns."""
    count, size = int(rng.integers(1, 4)), int(rng.integers(6, 11))
    wide = (box[2] - box[0]) // count
    for column in range(count):
        for y in range(box[1], box[3] - size, size + 4):
            if rng.random() < 0.95:
                text = _sentence(rng, 30)[: int((wide - 14) / size * 1.8)]
                draw.text((box[0] + column * wide, y), text, ink, font(size))


def _diagram(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], ink: Colour, rng: np.random.Generator) -> None:
    """Boxes in a row or grid, joined by arrows."""
    columns, rows = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    wide, high = (box[2] - box[0]) // columns, (box[3] - box[1]) // rows
    for row in range(rows):
        for column in range(columns):
            x, y = box[0] + column * wide, box[1] + row * high
            fill = tuple(int(value) for value in rng.integers(120, 250, 3))
            draw.rounded_rectangle((x, y, x + int(wide * 0.7), y + int(high * 0.6)), 8, fill=fill, outline=ink)
            draw.text((x + 6, y + 6), _sentence(rng, 2), (10, 10, 10), font(11))
            if column + 1 < columns:
                line = (x + int(wide * 0.7), y + int(high * 0.3), x + wide - 2, y + int(high * 0.3))
                draw.line(line, fill=ink, width=2)
                draw.polygon([(line[2], line[3]), (line[2] - 8, line[3] - 5), (line[2] - 8, line[3] + 5)], fill=ink)


def _illustrate(
    canvas: Image.Image, box: tuple[int, int, int, int], pictures: Sequence[Picture], rng: np.random.Generator
) -> None:
    """Small pictures at places of a grid."""
    columns, rows = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    wide, high = (box[2] - box[0]) // columns, (box[3] - box[1]) // rows
    for place in rng.choice(columns * rows, min(len(pictures), columns * rows), replace=False).tolist():
        shown = Image.fromarray(pictures[place % len(pictures)])
        shown.thumbnail((int(wide * 0.75), int(high * 0.8)))
        canvas.paste(shown, (box[0] + place % columns * wide, box[1] + place // columns * high))


PAGES: tuple[Callable[[ImageDraw.ImageDraw, tuple[int, int, int, int], Colour, np.random.Generator], None], ...] = (
    *(_bullets, _columns, _diagram),
)
