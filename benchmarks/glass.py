"""A glass slide of real tissue, and what a viewer shows of it."""

from dataclasses import dataclass

import cv2
import numpy as np

from stages.common.data.arrays import Picture
from stages.demo.real import photograph

SIDE = 1000  # pixels of the short side of the picture that a slide is made from
GLASS = (243, 243, 245)
BARE = -0.6  # of a standard deviation of smooth noise: what is below is glass
TILE = 256  # pixels


@dataclass(frozen=True)
class View:
    """The middle of what is seen of a slide, and how large."""

    x: float
    y: float
    zoom: float

    def towards(self, other: "View", share: float) -> "View":
        """Part of the way to another view, gently begun and ended."""
        eased = share * share * (3 - 2 * share)
        x, y = (a + (b - a) * eased for a, b in ((self.x, other.x), (self.y, other.y)))
        return View(x, y, self.zoom * (other.zoom / self.zoom) ** eased)


class GlassSlide:
    """The picture of this name, mirrored to four times its area, in patches; `stain` is how much colour is left."""

    def __init__(self, name: str, stain: float, rng: np.random.Generator) -> None:
        part = photograph(name)
        scale = SIDE / min(part.shape[:2])
        part = cv2.resize(
            part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        )
        half = np.concatenate([part, part[:, ::-1]], axis=1)
        tissue = np.concatenate([half, half[::-1]])
        height, width = tissue.shape[:2]
        coarse = rng.normal(size=(7, 7)).astype(np.float32)
        self._mask = (cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) > BARE).astype(np.uint8)
        faded = cv2.addWeighted(tissue, stain, np.full_like(tissue, GLASS), 1 - stain, 0)
        whole = np.where(self._mask[..., None] > 0, faded, np.array(GLASS, np.uint8))
        self._sizes = [whole, cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)]

    def show(self, view: View, width: int, height: int, loaded: float = 1.0) -> Picture:
        """The slide in a window of this size, so much of it `loaded`: tile by tile, the rest still coarse."""
        seen = _window(self._sizes[view.zoom < 0.7], view, width, height, 0.5 if view.zoom < 0.7 else 1.0)
        if loaded >= 1:
            return seen
        coarse = cv2.resize(seen, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
        shown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        tiles = [(x, y) for y in range(0, height, TILE) for x in range(0, width, TILE)]
        for x, y in tiles[: int(loaded * len(tiles))]:
            shown[y : y + TILE, x : x + TILE] = seen[y : y + TILE, x : x + TILE]
        return shown

    def look(self, width: int, height: int, shown: tuple[float, float], rng: np.random.Generator) -> View:
        """A random view of which so much is tissue, at least and at most, as nearly as there is one."""
        tall, wide = self._mask.shape
        least = max(width / wide, height / tall)
        views = []
        for number in range(60):
            zoom = least * float(rng.uniform(1.1, 3))
            reach = width / zoom / 2, height / zoom / 2
            place = float(rng.uniform(reach[0], wide - reach[0])), float(rng.uniform(reach[1], tall - reach[1]))
            view = View(*place, zoom)
            share = float(_window(self._mask, view, width, height, 1.0).mean())
            views.append((max(shown[0] - share, share - shown[1], 0.0), number, view))
        return min(views)[2]


def _window(picture: Picture, view: View, width: int, height: int, size: float) -> Picture:
    """`picture`, a slide at this `size`, as seen in a window."""
    step = size / view.zoom
    move = np.array([[step, 0, size * view.x - step * width / 2], [0, step, size * view.y - step * height / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, move, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
