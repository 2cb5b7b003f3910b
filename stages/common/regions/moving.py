"""What moves all the time while the camera rests: a webcam, an animated logo, a running clock."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Floats, Grey, Picture
from stages.common.regions.boxes import Box
from stages.common.regions.edges import Edges
from stages.common.regions.rectangles import Rectangles

CELLS = 40  # along the long side of a frame; a cell is square
EVERY_S = 0.2  # seconds between two frames that are compared: what moves slowly changes too little in less
FEWEST = 5  # comparisons of a hold, below which nothing is said
CHANGED = 6  # grey levels by which a pixel must change
SHARE = 0.5  # of a hold's frames, or of those lately, in which a cell must change; in a cursor's circle one of six do
OFTEN, HOLDS, MOST_HOLDS = 0.1, 4, 0.75  # or: so often, in so many holds at least, and in so much of them
LEAST_AREA = 0.004  # of the frame: a smaller area is a cursor that trembles
SMALL_AREA = 0.0005  # of the frame, where most holds show it
MOST_AREA = 0.4  # of the frame: when more moves, it is the camera
REMEMBERED, AFTER_MOVE = 100, 5  # comparisons that say what moves lately; how many count on once the camera has moved
NEAR = 1  # cells between parts of one area
FRAMED = 0.9, 0.75, 0.6  # share of each side of a frame around it that is an edge, the best that is found
REACH = 1.2  # times its own sides: how far off that frame may be
DOUBLE = 5  # pixels between the edges that a video draws of one
BLEED = 2  # pixels by which a video's colours run over an edge
MARGIN = 1  # cells around an area that no edge bounds
ALIKE = 0.8  # correlation from which an area that rests shows what it showed when it moved
KNOWN, THUMB = 4, (32, 32)  # areas of earlier holds that are remembered, and the size that they are compared at


class MovingAreas:
    """Feed the grey frames of each hold; ask for the boxes that moved through it, or in most holds.

    Keeps one frame and three counts a cell, however long the video is.
    """

    def __init__(self) -> None:
        self._before: Grey | None = None
        self._time = 0.0  # of that frame
        self._own = False  # whether it is of this hold
        self._changes: Floats | None = None  # of this hold, by cell
        self._pairs = 0
        self._lately: Floats | None = None  # share of comparisons, whatever the hold, by cell
        self._remembered = 0
        self._holds = 0
        self._often: Floats | None = None  # holds in which a cell changed often

    def add(self, time: float, grey: Grey) -> None:
        """Take the next frame of a hold, shown at `time` in seconds."""
        if self._before is not None and time < self._time + EVERY_S - 1e-3:
            return
        if self._before is not None and self._before.shape == grey.shape:
            level = cv2.mean(self._before)[0] / max(1.0, cv2.mean(grey)[0])  # a flickering lamp is no movement
            steps = cv2.absdiff(cv2.convertScaleAbs(grey, alpha=level), self._before)
            cells = _cells(cv2.threshold(steps, CHANGED, 255, cv2.THRESH_BINARY)[1])
            self._remember(cells)
            if self._own:
                self._changes = cells if self._changes is None else self._changes + cells
                self._pairs += 1
        self._before, self._time, self._own = grey, time, True

    def _remember(self, cells: Floats) -> None:
        """Update the share of comparisons in which each cell changed, unless the camera moved."""
        if cells.mean() > MOST_AREA:
            self._remembered = min(self._remembered, AFTER_MOVE)
            return
        self._remembered = min(self._remembered + 1, REMEMBERED)
        before = np.zeros_like(cells) if self._lately is None else self._lately
        self._lately = before + (cells - before) / self._remembered

    def end_hold(self, counts: bool = True) -> None:
        """The next frame belongs to another hold; what was seen so far `counts` as one."""
        if counts and self._changes is not None and self._pairs >= FEWEST:
            often = (self._changes >= OFTEN * self._pairs).astype(np.float64)
            self._often = often if self._often is None else self._often + often
            self._holds += 1
        self._own, self._changes, self._pairs = False, None, 0

    def lately(self) -> list[Box]:
        """What moves whether or not a hold is on, in pixels of the grey frames: it says nothing of the camera."""
        if self._before is None or self._lately is None or self._remembered < FEWEST:
            return []
        return _areas(self._lately >= SHARE, self._before.shape, LEAST_AREA)

    def boxes(self) -> list[Box]:
        """The areas so far, in pixels of the grey frames; to be called before the hold is ended."""
        if self._before is None or self._changes is None or self._pairs < FEWEST:
            return []
        shape = self._before.shape
        found = _areas(self._changes >= SHARE * self._pairs, shape, LEAST_AREA)
        if self._often is not None and self._holds >= HOLDS:
            found += _areas(self._often >= MOST_HOLDS * self._holds, shape, SMALL_AREA)
        return found


def _cells(changed: Grey) -> Floats:
    """1 for each cell in which anything changed."""
    cell = _cell(changed.shape)
    height, width = (-(-side // cell) for side in changed.shape)
    down, across = height * cell - changed.shape[0], width * cell - changed.shape[1]
    padded = cv2.copyMakeBorder(changed, 0, down, 0, across, cv2.BORDER_CONSTANT)
    rows = padded.reshape(height, cell, -1).max(1)
    return (rows.reshape(height, width, cell).max(2) > 0).astype(np.float64)


def _cell(shape: tuple[int, ...]) -> int:
    """Pixels across a cell of a frame."""
    return max(1, round(max(shape) / CELLS))


def _areas(moving: NDArray[np.bool_], shape: tuple[int, ...], least: float) -> list[Box]:
    """Boxes around the connected cells that move."""
    if not moving.any() or moving.mean() > MOST_AREA:
        return []
    cell = _cell(shape)
    near = np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)
    joined = cv2.morphologyEx(moving.astype(np.uint8), cv2.MORPH_CLOSE, near, borderValue=0)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    frame = Box(0, 0, shape[1], shape[0])
    boxes = []
    for number, (x, y, width, height, _) in enumerate(stats.tolist()):
        if number and moving[labels == number].sum() * cell * cell >= least * frame.area:
            boxes.append(Box(*(cell * side for side in (x, y, x + width, y + height))).common(frame))
    return boxes


class KnownAreas:
    """The moving areas of earlier holds: a speaker who sits still for once is a speaker all the same."""

    def __init__(self) -> None:
        self._known: list[tuple[Box, Grey]] = []

    def added_to(self, found: list[Box], image: Picture) -> list[Box]:
        """`found`, the areas that move in a hold with this clean image, and the known ones that only rest in it."""
        new = [(box, _thumb(image, box)) for box in found]
        apart = [(box, seen) for box, seen in self._known if not any(box.common(other).area for other in found)]
        resting = [box for box, seen in apart if _alike(seen, _thumb(image, box))]
        self._known = [*new, *apart][:KNOWN]
        return [*found, *resting]


def _thumb(image: Picture, box: Box) -> Grey:
    return cv2.resize(np.ascontiguousarray(image[box.slices][..., 1]), THUMB, interpolation=cv2.INTER_AREA)


def _alike(one: Grey, other: Grey) -> bool:
    """Whether two thumbs show the same; bare ones say nothing."""
    textured = min(float(cv2.meanStdDev(thumb)[1][0, 0]) for thumb in (one, other)) > CHANGED
    return textured and float(cv2.matchTemplate(one, other, cv2.TM_CCOEFF_NORMED)[0, 0]) >= ALIKE


def moving_areas(areas: list[Box], image: Picture | Grey, grey_size: tuple[int, int]) -> list[Box]:
    """`areas`, boxes in grey frames of `grey_size` (width, height), in the pixels of a clean image of the hold.

    Each grows to the straight edges around it, those of the webcam's own picture; without any it gets a margin.
    """
    if not areas:
        return []
    grey = image if image.ndim == 2 else np.ascontiguousarray(image[..., 1])
    height, width = grey.shape
    across, down = width / grey_size[0], height / grey_size[1]
    edges = Edges(grey)
    frame, cell = Box(0, 0, width, height), _cell(grey.shape)
    return [_framed(edges, area.scaled(across, down), frame, cell) for area in areas]


def _framed(edges: Edges, area: Box, frame: Box, cell: int) -> Box:
    """The smallest rectangle around `area`, all but its outermost cells, among the best framed ones; of what are but
    two drawings of one edge the outer."""
    around, core = area.grown(round(REACH * max(area.width, area.height))).common(frame), area.grown(-cell)
    rectangles = Rectangles(*edges.lines(around, min(1.0, area.width / around.width / 2)))
    for support in FRAMED:
        found = [
            box
            for box in rectangles.framed(support)
            if core.common(box) == core and not _ends_with_search(box, around, frame)
        ]
        if found:
            smallest = min(found, key=lambda box: box.area)
            alike = (box for box in found if max(abs(a - b) for a, b in zip(box, smallest, strict=True)) <= DOUBLE)
            return max(alike, key=lambda box: box.area).grown(BLEED).common(frame)
    return area.grown(MARGIN * cell).common(frame)


def _ends_with_search(box: Box, around: Box, frame: Box) -> bool:
    """Whether a side of `box` is where the search ended rather than an edge or the end of the frame."""
    return any(side == end != last for side, end, last in zip(box, around, frame, strict=True))
