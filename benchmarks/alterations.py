"""What happens to pictures of tissue on their way through the web: cut, turned, framed, marked, shown in a viewer."""

from collections.abc import Callable

import cv2
import numpy as np

from stages.common.data.arrays import Picture

Alteration = Callable[[Picture, Picture, np.random.Generator], Picture]  # of a picture; another one may stand beside it

WHITE, BLACK, INK = (255, 255, 255), (0, 0, 0), (20, 20, 20)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def resized(picture: Picture, across: float, down: float) -> Picture:
    """The picture so many times as wide and as high."""
    way = cv2.INTER_AREA if across * down < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, None, fx=across, fy=down, interpolation=way)


def recompressed(picture: Picture, quality: int) -> Picture:
    """The picture as JPEG."""
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)


def cut(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    """A part, anywhere, with this share of the area."""
    height, width = (round(side * share**0.5) for side in picture.shape[:2])
    top, left = (
        int(rng.integers(whole - part + 1)) for whole, part in zip(picture.shape[:2], (height, width), strict=True)
    )
    return picture[top : top + height, left : left + width]


def turned(picture: Picture, degrees: float, ground: tuple[int, int, int] = WHITE) -> Picture:
    """The whole picture at an angle, its corners on a plain ground."""
    height, width = picture.shape[:2]
    move = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    cos, sin = abs(move[0, 0]), abs(move[0, 1])
    size = round(width * cos + height * sin), round(width * sin + height * cos)
    move[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return cv2.warpAffine(picture, move, size, flags=cv2.INTER_CUBIC, borderValue=ground)


def stained(picture: Picture, haematoxylin: float, eosin: float) -> Picture:
    """Other amounts of the two stains."""
    from skimage.color import hed2rgb, rgb2hed

    stains = rgb2hed(picture) * (haematoxylin, eosin, 1)
    return (hed2rgb(stains).clip(0, 1) * 255).astype(np.uint8)


def normalised(picture: Picture) -> Picture:
    """Mean and spread of the colours of another scanner (Reinhard)."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    mean, spread = lab.mean((0, 1)), lab.std((0, 1)) + 1e-3
    moved = (lab - mean) / spread * (28, 9, 7) + (170, 146, 118)
    return cv2.cvtColor(moved.clip(0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def brightened(picture: Picture, factor: float, about: float = 0) -> Picture:
    """Levels multiplied, about a level that stays."""
    return ((picture.astype(np.float32) - about) * factor + about).clip(0, 255).astype(np.uint8)


def watermarked(picture: Picture) -> Picture:
    """Half transparent words all over."""
    height, width = picture.shape[:2]
    layer = picture.copy()
    size = width / 500
    for row, y in enumerate(range(height // 8, height, max(1, height // 4))):
        cv2.putText(layer, "SAMPLE ATLAS", (row % 2 * width // 6, y), FONT, 1.6 * size, WHITE, max(2, round(4 * size)))
    return cv2.addWeighted(picture, 0.5, layer, 0.5, 0)


def marked(picture: Picture, rng: np.random.Generator) -> Picture:
    """Two arrows, a letter and a scale bar."""
    picture = picture.copy()
    height, width = picture.shape[:2]
    thick = max(2, width // 120)
    for colour in (BLACK, (255, 230, 0)):
        tip = rng.uniform(0.25, 0.75, 2) * (width, height)
        tail = tip + rng.uniform(0.12, 0.2) * width * np.array([1, -1])
        cv2.arrowedLine(picture, tail.astype(int).tolist(), tip.astype(int).tolist(), colour, thick, tipLength=0.3)
    right, bottom = round(0.95 * width), round(0.94 * height)
    cv2.rectangle(picture, (right - width // 5, bottom - thick * 2), (right, bottom), BLACK, -1)
    place = right - width // 5, bottom - 4 * thick
    cv2.putText(picture, "50 um", place, FONT, width / 700, BLACK, max(1, thick // 2))
    cv2.putText(picture, "B", (thick * 2, height // 9), FONT, width / 300, WHITE, thick)
    return picture


def framed(picture: Picture, sides: tuple[float, float, float, float], colour: tuple[int, int, int]) -> Picture:
    """A border; `sides` are shares of height and width: above, below, left, right."""
    height, width = picture.shape[:2]
    above, below = (round(height * share) for share in sides[:2])
    left, right = (round(width * share) for share in sides[2:])
    return cv2.copyMakeBorder(picture, above, below, left, right, cv2.BORDER_CONSTANT, value=colour)


def in_viewer(picture: Picture, rng: np.random.Generator) -> Picture:
    """A screenshot of a slide viewer: tool bar, tree of slides, overview map, a bar of states."""
    width, height = 1280, 800
    screen = np.full((height, width, 3), 236, np.uint8)
    area = (250, 70, width - 20, height - 40)  # left, top, right, bottom
    scale = min((area[2] - area[0]) / picture.shape[1], (area[3] - area[1]) / picture.shape[0])
    seen = resized(picture, scale, scale)
    top, left = area[1], area[0]
    screen[top : area[3], left : area[2]] = 250
    screen[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    screen[:30] = (52, 73, 110)
    cv2.putText(screen, "SlideView - case 2291.svs", (12, 21), FONT, 0.55, WHITE, 1, cv2.LINE_AA)
    for n in range(14):
        colour = tuple(rng.integers(40, 220, 3).tolist())
        cv2.rectangle(screen, (12 + 42 * n, 36), (42 + 42 * n, 62), colour, -1)
    for n in range(20):
        line = f"Slide {n:02d}  H&E x{10 * (n % 4 + 1)}"
        cv2.putText(screen, line, (14, 100 + 33 * n), FONT, 0.5, INK, 1, cv2.LINE_AA)
    small = cv2.resize(picture, (180, 130), interpolation=cv2.INTER_AREA)
    screen[top + 8 : top + 138, area[2] - 188 : area[2] - 8] = small
    cv2.rectangle(screen, (area[2] - 188, top + 8), (area[2] - 8, top + 138), (200, 0, 0), 2)
    cv2.putText(screen, "x: 11822  y: 40931  20x  ready", (14, height - 12), FONT, 0.5, INK, 1, cv2.LINE_AA)
    return screen


def in_figure(picture: Picture, other: Picture) -> Picture:
    """A figure of two panels with letters, this one the right one."""
    height = 480
    panels = [cv2.resize(one, (round(height * one.shape[1] / one.shape[0]), height)) for one in (other, picture)]
    for letter, panel in zip("AB", panels, strict=True):
        cv2.putText(panel, letter, (10, 40), FONT, 1.3, BLACK, 3, cv2.LINE_AA)
    gutter = np.full((height, 14, 3), 255, np.uint8)
    figure = np.concatenate([panels[0], gutter, panels[1]], axis=1)
    return framed(figure, (0.02, 0.02, 0.01, 0.01), WHITE)


def _alone(change: Callable[[Picture], Picture]) -> Alteration:
    return lambda picture, other, rng: change(picture)


def _by_chance(change: Callable[[Picture, np.random.Generator], Picture]) -> Alteration:
    return lambda picture, other, rng: change(picture, rng)


ALTERATIONS: dict[str, Alteration] = {
    "JPEG 20": _alone(lambda p: recompressed(p, 20)),
    "half the size": _alone(lambda p: resized(p, 0.5, 0.5)),
    "twice the size": _alone(lambda p: resized(p, 2, 2)),
    "mirrored": _alone(lambda p: p[:, ::-1]),
    "grey": _alone(lambda p: cv2.cvtColor(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)),
    "more eosin": _alone(lambda p: stained(p, 0.7, 1.4)),
    "another scanner": _alone(normalised),
    "contrast 1.4": _alone(lambda p: brightened(p, 1.4, 128)),
    "brightness 1.3": _alone(lambda p: brightened(p, 1.3)),
    "aspect 1.33": _alone(lambda p: resized(p, 1.33, 1)),
    "aspect 1.5": _alone(lambda p: resized(p, 1, 1.5)),
    "crop 80 %": _by_chance(lambda p, rng: cut(p, 0.8, rng)),
    "crop 70 %": _by_chance(lambda p, rng: cut(p, 0.7, rng)),
    "crop 50 %": _by_chance(lambda p, rng: cut(p, 0.5, rng)),
    "crop 30 %": _by_chance(lambda p, rng: cut(p, 0.3, rng)),
    "crop 25 %": _by_chance(lambda p, rng: cut(p, 0.25, rng)),
    "upside down": _alone(lambda p: p[::-1]),
    "turned 90": _alone(lambda p: np.rot90(p)),
    "turned 180": _alone(lambda p: np.rot90(p, 2)),
    "turned 270": _alone(lambda p: np.rot90(p, 3)),
    "mirrored, turned 90": _alone(lambda p: np.rot90(p[:, ::-1])),
    "turned 15": _alone(lambda p: turned(p, 15)),
    "turned by any angle": _by_chance(lambda p, rng: turned(p, float(rng.uniform(20, 340)), BLACK)),
    "crop 70 %, turned 90": _by_chance(lambda p, rng: np.rot90(cut(p, 0.7, rng))),
    "crop 50 %, mirrored, JPEG 40": _by_chance(lambda p, rng: recompressed(cut(p, 0.5, rng)[:, ::-1], 40)),
    "watermark": _alone(watermarked),
    "arrows, scale bar": _by_chance(marked),
    "white border": _alone(lambda p: framed(p, (0.1, 0.1, 0.1, 0.1), WHITE)),
    "black border": _alone(lambda p: framed(p, (0.1, 0.1, 0.1, 0.1), BLACK)),
    "uneven border": _alone(lambda p: framed(p, (0.03, 0.25, 0.15, 0.02), (230, 228, 225))),
    "viewer screenshot": _by_chance(in_viewer),
    "figure of two panels": lambda picture, other, rng: in_figure(picture, other),
}


def altered(way: str, picture: Picture, other: Picture, number: int) -> Picture:
    """The picture with one of ALTERATIONS, as JPEG would leave it; `number` seeds what is left to chance."""
    rng = np.random.default_rng([number, *way.encode()])
    return recompressed(np.ascontiguousarray(ALTERATIONS[way](picture, other, rng)), 85)
