"""How far the picture has moved since an earlier frame: least squares over a grid of blocks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey

Grid = NDArray[np.float32]
Chosen = NDArray[np.bool_]  # a yes or no for each block
Rows = NDArray[np.float32]

GRID = (16, 9)  # blocks across and down; a cursor covers one or two
NOISE = 2.0  # grey levels by which compression may change a block of the small picture
TEXTURE = 3.0  # grey levels of standard deviation from which a block counts: on bare background no movement shows
FEWEST = 0.03  # of all blocks: with fewer there is too little to say whether the picture moves
CURSOR = 4  # bare blocks that a cursor may fill
UNEXPLAINED = 0.4  # share of a block's variance: if a small shift leaves more, the block shows something else
FAR = 0.9  # of a picture's standard deviation: a larger change is never a small shift
ROUNDS = 2  # of reweighting, so that blocks under a cursor do not count
RIDGE = np.eye(3, dtype=np.float32) * 1e-3  # keeps a picture of lines in one direction solvable
PY, PX = np.meshgrid(*(np.linspace(-1, 1, count, dtype=np.float32) for count in GRID[::-1]), indexing="ij")


@dataclass(frozen=True)
class Shift:
    """Movement since an earlier frame, in pixels of the grey frames: sideways, down, and outwards at the corners."""

    x: float
    y: float
    zoom: float

    @property
    def size(self) -> float:
        """Length of the movement in pixels."""
        return float(np.sqrt(self.x**2 + self.y**2 + self.zoom**2 / 2))


class Anchor:
    """A grey frame, prepared so that later frames can be compared with it cheaply.

    The model is a small shift and zoom, solved by Lucas and Kanade's equations (1981) summed over all blocks, each
    block free in brightness and weighted by how well it fits. Shifts beyond about one pixel are recognised by
    blocks that no small shift explains. A cursor disturbs few blocks, flicker none. Only blocks that show `tissue`
    count, where there are enough of them, and none of what is `moving` all the time.
    """

    def __init__(self, grey: Grey, changed_block_fraction: float) -> None:
        self.changed_block_fraction = changed_block_fraction
        self._small = grey
        self._deviation = float(cv2.meanStdDev(grey)[1][0, 0])
        self._ready = False
        self._tissue, self._moving = np.ones(GRID[::-1], bool), np.zeros(GRID[::-1], bool)

    def look_at(self, tissue: Chosen, moving: Chosen) -> None:
        """Which blocks count from now on."""
        self._tissue, self._moving = tissue, moving
        if self._ready:
            self._choose()

    def _choose(self) -> None:
        self._textured = (self._variance > TEXTURE**2) & ~self._moving
        inside = self._textured & self._tissue
        self.textured = inside if inside.mean() >= FEWEST else self._textured

    def _prepare(self) -> None:
        """Compute what later frames are compared with; put off until the first frame that may be close."""
        self._ready = True
        self._grey = self._small.astype(np.float32)
        self._gx = cv2.Sobel(self._grey, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
        self._gy = cv2.Sobel(self._grey, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
        self._variance = _blocks(self._grey * self._grey) - _blocks(self._grey) ** 2
        self._means = mx, my = _blocks(self._gx), _blocks(self._gy)
        products = (self._gx * self._gx, self._gx * self._gy, self._gy * self._gy)
        means = (mx * mx, mx * my, my * my)
        hxx, hxy, hyy = (_blocks(p) - m for p, m in zip(products, means, strict=True))
        self._choose()
        zx, zy = hxx * PX + hxy * PY, hxy * PX + hyy * PY
        # Each block's Hessian for (x, y, zoom): a zoom moves a block by its place on the grid.
        rows = (hxx, hxy, zx, hxy, hyy, zy, zx, zy, zx * PX + zy * PY)
        self._hessian = np.stack([row.ravel() for row in rows], axis=1)

    def shift(self, grey: Grey) -> Shift | None:
        """Return the movement from the anchor to `grey`, or None when it is not small or the scene has changed."""
        change = cv2.subtract(grey, self._small, dtype=cv2.CV_32F)
        if float(cv2.meanStdDev(change)[1][0, 0]) > FAR * max(self._deviation, TEXTURE):
            return None
        if not self._ready:
            self._prepare()
        mean = _blocks(change)
        energy = _blocks(change * change) - mean**2
        if self.textured.mean() < FEWEST:
            flat = np.maximum(np.abs(mean - np.median(mean)), np.sqrt(np.maximum(energy, 0)))
            changed = (flat > 2 * NOISE) & ~self._moving
            return None if changed.mean() > self.changed_block_fraction else Shift(0.0, 0.0, 0.0)
        bx = mean * self._means[0] - _blocks(change * self._gx)
        by = mean * self._means[1] - _blocks(change * self._gy)
        targets = np.stack([bx.ravel(), by.ravel(), (bx * PX + by * PY).ravel()], axis=1)
        found, left = self._solve(targets, energy.ravel())
        moving = left > (UNEXPLAINED * self._variance + NOISE**2).ravel()
        return None if self._changed(moving.reshape(energy.shape), energy) else Shift(*found.tolist())

    def _changed(self, moving: Chosen, energy: Grid) -> bool:
        """Whether too many of the blocks that show something, in the anchor or now, show something else than before."""
        bare = (self._variance <= TEXTURE**2) & ~self._moving
        filled = bare & (energy > (2 * TEXTURE) ** 2)
        for area in (self._tissue, np.ones_like(self._tissue)):
            appeared = int((filled & area).sum())
            appeared = appeared if appeared > CURSOR else 0
            shown = int((self._textured & area).sum()) + appeared
            if shown >= FEWEST * area.size:
                return (moving & self._textured & area).sum() + appeared > self.changed_block_fraction * shown
        return False

    def _solve(self, targets: Rows, energy: Rows) -> tuple[Rows, Rows]:
        """Reweighted least squares for (x, y, zoom); also returns what each block's change leaves unexplained."""
        weight = self.textured.ravel().astype(np.float32)
        for _ in range(ROUNDS):
            matrix = (weight @ self._hessian).reshape(3, 3)
            found = np.linalg.solve(matrix + RIDGE, weight @ targets)
            left = energy - 2 * targets @ found + self._hessian @ np.outer(found, found).ravel()
            weight = self.textured.ravel() / (np.maximum(left, 0) + NOISE**2)
        return found, left


def blocks_of(mask: NDArray[np.bool_], share: float) -> Chosen:
    """The blocks of which at least `share` lies in a mask of the whole frame."""
    return np.asarray(_blocks(mask.astype(np.float32)) >= share)


def _blocks(values: NDArray[np.float32]) -> Grid:
    """Mean of each block of GRID."""
    return cv2.resize(values, GRID, interpolation=cv2.INTER_AREA)
