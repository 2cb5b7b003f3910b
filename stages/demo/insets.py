"""What programs and players lay over a part of the picture that they show: small views, a webcam, buttons."""

import cv2
import numpy as np
from PIL import Image, ImageDraw

from stages.common.data.arrays import Picture
from stages.demo.stain import Slide
from stages.demo.windows import font

HEATS = ("magma", "inferno", "plasma", "viridis", "jet", "coolwarm", "hot")


def navigator(frame: Picture, inner: Picture, rng: np.random.Generator) -> Picture:
    """`frame` with `inner` as a small view of the whole slide in a corner, the visible part marked, and a scale bar."""
    height, width = frame.shape[:2]
    canvas = Image.fromarray(frame)
    draw = ImageDraw.Draw(canvas)
    size = (int(width * rng.uniform(0.12, 0.3)), int(height * rng.uniform(0.15, 0.35)))
    x, y, right, bottom = _corner(frame, size, rng)
    canvas.paste(Image.fromarray(inner).resize(size, Image.Resampling.BOX), (x, y))
    draw.rectangle((x, y, right, bottom), outline=(60, 60, 60))
    draw.rectangle(
        (x + size[0] // 3, y + size[1] // 3, x + size[0] // 2, y + size[1] // 2), outline=(220, 0, 0), width=2
    )
    length = int(rng.integers(40, 120))
    draw.rectangle((12, height - 14, 12 + length, height - 10), fill=(0, 0, 0))
    draw.text((12, height - 28), f"{rng.choice([20, 50, 100, 200])} um", (0, 0, 0), font(11))
    return np.asarray(canvas).copy()


def inset(frame: Picture, inner: Picture, rng: np.random.Generator) -> Picture:
    """`frame` with `inner` in a window over one corner, up to half as wide and high."""
    height, width = frame.shape[:2]
    size = (int(width * rng.uniform(0.2, 0.5)), int(height * rng.uniform(0.2, 0.5)))
    x, y, right, bottom = _corner(frame, size, rng)
    drawn = frame.copy()
    drawn[y:bottom, x:right] = cv2.resize(inner, size, interpolation=cv2.INTER_AREA)
    edge = int(rng.choice([20, 90, 240]))
    cv2.rectangle(drawn, (x, y), (right, bottom), (edge, edge, edge), int(rng.integers(1, 6)))
    return drawn


def heat(width: int, height: int, rng: np.random.Generator) -> Picture:
    """What a network has looked at: a map of few warm places, smooth or in squares."""
    from matplotlib import colormaps

    values = Slide(height, width, rng).noise(float(rng.uniform(6, 40))) - rng.uniform(0, 1.5)
    if rng.random() < 0.4:
        cell = int(rng.integers(6, 30))
        small = cv2.resize(values, (-(-width // cell), -(-height // cell)), interpolation=cv2.INTER_AREA)
        values = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    colours = colormaps[str(rng.choice(HEATS))](1 / (1 + np.exp(-2 * values)))[..., :3]
    return (255 * colours).astype(np.uint8)


def player(frame: Picture, rng: np.random.Generator) -> Picture:
    """`frame` in a video player that rests: a large button in the middle, with or without the bar below."""
    height, width = frame.shape[:2]
    drawn = frame.copy()
    radius, middle = int(height * rng.uniform(0.06, 0.16)), (width // 2, height // 2)
    light = (240, 240, 240)
    if rng.random() < 0.5:
        cv2.circle(drawn, middle, radius, light, max(2, radius // 12), cv2.LINE_AA)
    else:
        fill = tuple(int(value) for value in rng.choice([[200, 20, 20], [30, 30, 30]]))
        cv2.rectangle(
            drawn,
            (middle[0] - radius, middle[1] - radius * 2 // 3),
            (middle[0] + radius, middle[1] + radius * 2 // 3),
            fill,
            -1,
        )
    half = radius // 2
    triangle = np.array(middle) + np.array([[-half * 2 // 3, -half], [-half * 2 // 3, half], [half, 0]])
    cv2.fillPoly(drawn, [triangle.astype(np.int32)], light, cv2.LINE_AA)
    return drawn


def _corner(frame: Picture, size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box of `size` (width, height) in a random corner."""
    height, width = frame.shape[:2]
    x = int(rng.choice([6, width - size[0] - 6]))
    y = int(rng.choice([6, height - size[1] - 6]))
    return x, y, x + size[0], y + size[1]
