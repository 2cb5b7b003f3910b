"""How far the picture has moved since an earlier frame: least squares over a grid of blocks, coarse sizes at need."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey, Picture

Grid = NDArray[np.float32]
Chosen = NDArray[np.bool_]  # a yes or no for each block
Rows = NDArray[np.float32]

GRID = (16, 9)  # blocks across and down; a cursor covers one or two
NOISE = 2.0  # grey levels by which compression may change a block of the small picture
TEXTURE = 3.0  # grey levels of standard deviation from which a block counts: on bare background no movement shows
FEWEST = 0.03  # of all blocks: with fewer that have texture, pictures are compared by brightness alone
ENOUGH = 0.06  # of all blocks: fewer give no movement that can be trusted; others are counted with them
CURSOR = 4  # blocks that a cursor may change, where it comes and where it was
COVERED = 0.2  # of a bare block must be covered for tissue to have come; cursors and strokes are thinner
REPLACED = 0.5  # share of the blocks of one region, more than CURSOR: it shows something else
UNEXPLAINED = 0.4  # share of a block's variance: if a small shift leaves more, the block shows something else
FAR = 0.9  # of a picture's standard deviation: a larger change is never a small shift
CLOSE = 0.25  # pixels; a movement expected to be shorter is solved for at once
ROUNDS = 2  # of reweighting, so that blocks under a cursor do not count
RIDGE = np.eye(4, dtype=np.float32) * 1e-3  # keeps a picture of lines in one direction solvable
FACTORS = (1, 2, 4)  # how many times smaller the picture is; a movement too far for one is tried on the next
OUTER = 15 / 16  # of half the long side: where the middles of the outermost blocks are
SHARPER = 1.5  # times the fine detail of another picture of one view: the difference is focus, or tiles not loaded yet


@dataclass(frozen=True)
class Shift:
    """Movement since an earlier frame, in pixels of the grey frames: sideways, down, and, near the ends of the long
    side, outwards and clockwise. `detail` is 1 where the later frame shows clearly more, -1 where it shows less."""

    x: float = 0.0
    y: float = 0.0
    zoom: float = 0.0
    turn: float = 0.0
    detail: int = 0

    @property
    def size(self) -> float:
        """Length of the movement in pixels."""
        return float(np.sqrt(self.x**2 + self.y**2 + (self.zoom**2 + self.turn**2) / 2))

    def __add__(self, later: "Shift") -> "Shift":
        return Shift(self.x + later.x, self.y + later.y, self.zoom + later.zoom, self.turn + later.turn, later.detail)

    def __sub__(self, earlier: "Shift") -> "Shift":
        x, y, zoom, turn = self.x - earlier.x, self.y - earlier.y, self.zoom - earlier.zoom, self.turn - earlier.turn
        return Shift(x, y, zoom, turn, self.detail)

    @property
    def parts(self) -> tuple[float, float, float, float]:
        """The four numbers of the movement."""
        return self.x, self.y, self.zoom, self.turn


def moved_back(
    picture: Picture, shift: Shift, long_side: int, onto: Picture, interpolation: int = cv2.INTER_CUBIC
) -> Picture:
    """`picture` as it would be without `shift`, which was measured in frames of this long side.

    What was out of sight is taken from `onto`. Too short a shift is none.
    """
    if shift.size <= CLOSE:
        return picture
    height, width = picture.shape[:2]
    scale = max(width, height) / long_side
    reach = OUTER * max(width, height) / 2
    zoom, turn = scale * shift.zoom / reach, scale * shift.turn / reach
    across, down = (width - 1) / 2, (height - 1) / 2
    move = np.array(
        [
            [1 + zoom, -turn, scale * shift.x - zoom * across + turn * down],
            [turn, 1 + zoom, scale * shift.y - turn * across - zoom * down],
        ]
    )
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, move, (width, height), onto.copy(), flags, cv2.BORDER_TRANSPARENT)


AT_ANCHOR = Shift()


@dataclass(frozen=True)
class Blocks:
    """Which blocks of GRID lie in each region that may show tissue, which show it, and which move all the time."""

    regions: Sequence[Chosen]
    tissue: Chosen
    moving: Chosen


EVERYWHERE = Blocks([np.ones(GRID[::-1], bool)], np.ones(GRID[::-1], bool), np.zeros(GRID[::-1], bool))


class Anchor:
    """A grey frame, prepared so that later frames can be compared with it cheaply.

    The model is a small shift, zoom and turn, solved by Lucas and Kanade's equations (1981) summed over all blocks,
    each block free in brightness and weighted by how well it fits. What they do not explain is tried on smaller,
    smoother pictures first, on which movements are shorter (Bergen et al. 1992); blocks that no movement explains show
    that the scene has changed. A cursor disturbs few blocks, flicker none. Only blocks that show `tissue` count, where
    there are enough of them, and none of what is `moving` all the time. It may come to bare blocks of the `regions`
    too; of several regions one may change while the others rest.
    """

    def __init__(self, grey: Grey, changed_block_fraction: float) -> None:
        self.changed_block_fraction = changed_block_fraction
        self._grey = grey
        self._levels: dict[int, _Level] = {}
        self._blocks = EVERYWHERE

    def look_at(self, blocks: Blocks) -> None:
        """Which blocks count from now on."""
        self._blocks = blocks
        for level in self._levels.values():
            level.look_at(blocks)

    def shift(self, grey: Grey, near: Shift = AT_ANCHOR) -> Shift | None:
        """Return the movement from the anchor to `grey`, or None when it is not small or the scene has changed.

        `near` is about what is expected, such as the movement of the frame before.
        """
        pictures = {1: grey}
        for first in range(len(FACTORS)):
            fits: list[_Fit] = []
            for factor in FACTORS[first::-1]:
                if factor not in pictures:
                    pictures[factor] = _smaller(grey, factor)
                fit = self._level(factor).fit(pictures[factor], fits[-1].shift if fits else near)
                if fit is None:
                    break
                fits.append(fit)
            if len(fits) > first and fits[-1].share <= self.changed_block_fraction:
                exact = first == 0 and (fits[-1].shift - near).size <= CLOSE
                return fits[-1].shift if exact else self._exact(grey, fits[-1].shift)
            smooth = [fit for fit in fits[:first] if fit.share <= self.changed_block_fraction]
            if smooth and (detail := self._detail(grey, fits[first].changed if len(fits) > first else None)):
                return replace(smooth[-1].shift, detail=detail)
        return None

    def _exact(self, grey: Grey, shift: Shift) -> Shift:
        """`shift` solved for once more where it is so long that the equations are only about right."""
        again = self._level(1).fit(grey, shift) if shift.size > CLOSE else None
        return again.shift if again and again.share <= self.changed_block_fraction else shift

    def _level(self, factor: int) -> "_Level":
        if factor not in self._levels:
            small = self._grey if factor == 1 else _smaller(self._grey, factor)
            self._levels[factor] = _Level(small, factor, self._blocks)
        return self._levels[factor]

    def _detail(self, grey: Grey, changed: Chosen | None) -> int:
        """Whether `grey` shows clearly more (1) or less (-1) fine detail where it has changed, or as much (0)."""
        where = 1.0 if changed is None else changed
        before, after = (float((_fine(picture) * where).sum()) for picture in (self._grey, grey))
        return int(after > SHARPER * before) - int(before > SHARPER * after)


@dataclass(frozen=True)
class _Fit:
    """A movement, and the blocks that it does not explain: which (of GRID), and their share of those that count."""

    shift: Shift
    changed: Chosen
    share: float


class _Level:
    """The anchor at one size, `factor` times smaller than the grey frames. Put off until a frame may be close: all that
    later frames are compared with."""

    def __init__(self, small: Grey, factor: int, blocks: Blocks) -> None:
        self._small, self._factor, self._noise = small, factor, NOISE / factor
        self._texture = TEXTURE / factor
        self._deviation = float(cv2.meanStdDev(small)[1][0, 0])
        self._ready = False
        self.look_at(blocks)

    def look_at(self, blocks: Blocks) -> None:
        """Which blocks count from now on."""
        self._regions, self._tissue, self._moving = blocks.regions, blocks.tissue, blocks.moving
        self._whole: Chosen = np.logical_or.reduce(blocks.regions)
        if self._ready:
            self._choose()

    def _choose(self) -> None:
        self._textured = (self._variance > self._texture**2) & ~self._moving
        inside = (self._textured & area for area in (self._tissue, self._whole))
        self._counted = next((area for area in inside if area.mean() >= ENOUGH), self._textured)
        self._enough = self._counted.mean() >= FEWEST
        self._bare = (self._variance <= self._texture**2) & ~self._moving

    def _prepare(self) -> None:
        self._ready = True
        grey = self._small.astype(np.float32)
        self._gx = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
        self._gy = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
        self._variance = _blocks(grey * grey) - _blocks(grey) ** 2
        self._means = mx, my = _blocks(self._gx), _blocks(self._gy)
        products = (self._gx * self._gx, self._gx * self._gy, self._gx * self._gy, self._gy * self._gy)
        means = (mx * mx, mx * my, mx * my, my * my)
        gradients = np.stack([_blocks(p) - m for p, m in zip(products, means, strict=True)], axis=-1)
        self._choose()
        # How a shift, zoom and turn move the middle of each block.
        height, width = grey.shape
        x, y = (np.linspace(1 / n - 1, 1 - 1 / n, n, dtype=np.float32) for n in GRID)
        down, across = (
            place.ravel() / (OUTER * max(width, height)) for place in np.meshgrid(y * height, x * width, indexing="ij")
        )
        one, none = np.ones_like(across), np.zeros_like(across)
        self._moves = np.stack([one, none, across, -down, none, one, down, across], axis=-1).reshape(-1, 2, 4)
        sums = self._moves.transpose(0, 2, 1) @ gradients.reshape(-1, 2, 2) @ self._moves
        self._hessian = sums.reshape(-1, 16)

    def fit(self, small: Grey, near: Shift) -> _Fit | None:
        """Solve for the movement from the anchor to `small`, begun at `near`; None when it is far."""
        if near.size <= CLOSE:
            near = AT_ANCHOR
        small = moved_back(small, near, self._factor * max(small.shape), self._small, cv2.INTER_LINEAR)
        change = cv2.subtract(small, self._small, dtype=cv2.CV_32F)
        if float(cv2.meanStdDev(change)[1][0, 0]) > FAR * max(self._deviation, self._texture):
            return None
        if not self._ready:
            self._prepare()
        mean = _blocks(change)
        energy = _blocks(change * change) - mean**2
        if not self._enough:
            flat = np.maximum(np.abs(mean - np.median(mean)), np.sqrt(np.maximum(energy, 0)))
            changed = (flat > 2 * self._noise) & ~self._moving
            return _Fit(AT_ANCHOR, changed, float(changed.mean()))
        by_gradient = (mean * m - _blocks(change * g) for m, g in zip(self._means, (self._gx, self._gy), strict=True))
        targets = np.einsum("bk,bki->bi", np.stack([row.ravel() for row in by_gradient], axis=-1), self._moves)
        found, left = self._solve(targets, energy.ravel())
        x, y, zoom, turn = (found * self._factor).tolist()
        unexplained = left.reshape(energy.shape) > UNEXPLAINED * self._variance + self._noise**2
        return _Fit(near + Shift(x, y, zoom, turn), *self._changed(unexplained, energy, mean))

    def _changed(self, unexplained: Chosen, energy: Grid, mean: Grid) -> tuple[Chosen, float]:
        """The blocks that show something, in the anchor or now, and show something else than before; their share."""
        filled = self._bare & (energy > (2 * self._texture) ** 2)
        filled &= mean**2 >= COVERED * (energy + mean**2)
        everywhere = np.ones_like(self._tissue)
        for shown, around in ((self._tissue, self._whole), (self._whole,) * 2, (everywhere,) * 2):
            appeared = filled & around if (filled & around).sum() > CURSOR else np.zeros_like(filled)
            count = int((self._textured & shown).sum() + appeared.sum())
            if count >= FEWEST * shown.size:
                break
        changed = unexplained & self._textured & shown | appeared
        share = float(changed.sum() / count) if changed.sum() > CURSOR else 0.0
        for region in self._regions:
            own = self._textured & region
            gone, new = int((unexplained & own).sum()), int((filled & region).sum())
            if gone + new > max(CURSOR, REPLACED * (own.sum() + new)):
                share = max(share, (gone + new) / (int(own.sum()) + new))
        return changed, share

    def _solve(self, targets: Rows, energy: Rows) -> tuple[Rows, Rows]:
        """Reweighted least squares for the movement; also returns what each block's change leaves unexplained."""
        weight = self._counted.ravel().astype(np.float32)
        for _ in range(ROUNDS):
            matrix = (weight @ self._hessian).reshape(4, 4)
            found = np.linalg.solve(matrix + RIDGE, weight @ targets)
            left = energy - 2 * targets @ found + self._hessian @ np.outer(found, found).ravel()
            weight = self._counted.ravel() / (np.maximum(left, 0) + self._noise**2)
        return found, left


def blocks_of(mask: NDArray[np.bool_], share: float) -> Chosen:
    """The blocks of which at least `share` lies in a mask of the whole frame."""
    return np.asarray(_blocks(mask.astype(np.float32)) >= share)


def _smaller(grey: Grey, factor: int) -> Grey:
    """`grey` shrunk and smoothed."""
    size = (max(1, grey.shape[1] // factor), max(1, grey.shape[0] // factor))
    return cv2.GaussianBlur(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), (0, 0), 1.0)


def _fine(grey: Grey) -> Grid:
    """How strong the finest detail of each block is."""
    fine = cv2.subtract(grey, cv2.GaussianBlur(grey, (0, 0), 1.0), dtype=cv2.CV_32F)
    return _blocks(fine * fine)


def _blocks(values: NDArray[np.float32]) -> Grid:
    """Mean of each block of GRID."""
    return cv2.resize(values, GRID, interpolation=cv2.INTER_AREA)
