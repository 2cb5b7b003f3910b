"""What spoils a frame of tissue: the eight impurities that QuiltCleaner (arXiv 2404.07676) names, drawn."""

from collections.abc import Callable

import cv2
import numpy as np

from stages.common.data.arrays import Picture
from stages.demo.render import head

Spoiler = Callable[[Picture, np.random.Generator], Picture]

WORDS = ("H&E", "case 4", "x20", "tumour", "normal", "www.lectures.example", "figure 2", "stroma", "Department")


def _place(frame: Picture, size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """Upper left corner (x, y) of a box of `size` (width, height) near a random corner of the frame."""
    height, width = frame.shape[:2]
    edge = int(rng.integers(4, 20))
    return (int(rng.choice([edge, width - size[0] - edge])), int(rng.choice([edge, height - size[1] - edge])))


def _paste(frame: Picture, part: Picture, rng: np.random.Generator) -> Picture:
    x, y = _place(frame, (part.shape[1], part.shape[0]), rng)
    frame[y : y + part.shape[0], x : x + part.shape[1]] = part
    return frame


def person(frame: Picture, rng: np.random.Generator) -> Picture:
    """The speaker in a corner."""
    width = int(frame.shape[1] * rng.uniform(0.2, 0.35))
    seen = head(float(rng.uniform(0, 9)), int(rng.integers(1 << 30)))[:, 280:1000]
    return _paste(frame, cv2.resize(seen, (width, width), interpolation=cv2.INTER_AREA), rng)


def desktop(frame: Picture, rng: np.random.Generator) -> Picture:
    """The tissue in a viewer's window, menus and a task bar around it."""
    height, width = frame.shape[:2]
    grey = int(rng.integers(180, 245))
    whole = np.full_like(frame, grey)
    left, top = int(rng.integers(60, 140)), int(rng.integers(35, 60))
    inner = cv2.resize(frame, (width - left - 10, height - top - 30), interpolation=cv2.INTER_AREA)
    whole[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    cv2.rectangle(whole, (0, 0), (width, 16), tuple(int(v) for v in rng.integers(30, 140, 3)), -1)
    cv2.putText(whole, "File  Edit  View  Slide  Annotations  Help", (8, 29), 0, 0.4, (20, 20, 20), 1, cv2.LINE_AA)
    for line in range(top + 20, height - 40, 18):
        cv2.putText(whole, str(rng.choice(WORDS))[:10], (6, line), 0, 0.35, (60, 60, 60), 1, cv2.LINE_AA)
    cv2.rectangle(whole, (0, height - 22), (width, height), (45, 45, 50), -1)
    return whole


def text(frame: Picture, rng: np.random.Generator) -> Picture:
    """Words over the tissue."""
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(10, frame.shape[1] // 2)), int(rng.integers(40, frame.shape[0] - 10))
        ink = tuple(int(v) for v in rng.choice([[0, 0, 0], [255, 255, 255], [200, 0, 0], [0, 0, 180]]))
        cv2.putText(
            frame, str(rng.choice(WORDS)), at, cv2.FONT_HERSHEY_DUPLEX, rng.uniform(0.8, 2), ink, 2, cv2.LINE_AA
        )
    return frame


def arrow(frame: Picture, rng: np.random.Generator) -> Picture:
    """Arrows and a circle drawn onto the tissue."""
    ink = tuple(int(v) for v in rng.choice([[0, 0, 0], [255, 230, 0], [0, 200, 0], [220, 0, 0]]))
    height, width = frame.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.integers(80, width - 80)), int(rng.integers(80, height - 80))
        dx, dy = (int(v) for v in rng.choice([-1, 1], 2) * rng.integers(40, 75, 2))
        cv2.arrowedLine(frame, (x + dx, y + dy), (x, y), ink, int(rng.integers(4, 8)), cv2.LINE_AA, tipLength=0.4)
    if rng.random() < 0.5:
        cv2.circle(frame, (width // 2, height // 2), int(rng.integers(40, 90)), ink, 4, cv2.LINE_AA)
    return frame


def perspective(frame: Picture, rng: np.random.Generator) -> Picture:
    """A screen photographed from the side, in a dark room."""
    height, width = frame.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = (corners + rng.uniform(0.05, 0.2, (4, 2)) * [width, height] * np.sign(corners * -1 + 1)).astype(np.float32)
    turned = cv2.warpPerspective(
        frame, cv2.getPerspectiveTransform(corners, moved), (width, height), borderValue=(28, 26, 30)
    )
    lines = (1 - 0.15 * (np.arange(height) % 3 == 0))[:, None, None]
    return cv2.GaussianBlur((turned * lines).astype(np.uint8), (0, 0), float(rng.uniform(0.8, 1.8)))


def overview(frame: Picture, rng: np.random.Generator) -> Picture:
    """A small view of the whole slide with the visible part marked."""
    height, width = (int(side * rng.uniform(0.2, 0.3)) for side in frame.shape[:2])
    whole = np.full((height, width, 3), 245, np.uint8)
    inner = cv2.resize(frame, (int(width * 0.8), int(height * 0.7)), interpolation=cv2.INTER_AREA)
    whole[height // 6 : height // 6 + inner.shape[0], width // 10 : width // 10 + inner.shape[1]] = inner
    cv2.rectangle(whole, (width // 2, height // 2), (width * 2 // 3, height * 2 // 3), (200, 0, 0), 1)
    cv2.rectangle(whole, (0, 0), (width - 1, height - 1), (60, 60, 60), 1)
    return _paste(frame, whole, rng)


def controls(frame: Picture, rng: np.random.Generator) -> Picture:
    """Zoom buttons and a player's bar."""
    height, width = frame.shape[:2]
    if rng.random() < 0.7:
        cv2.rectangle(frame, (0, height - 34), (width, height), (25, 25, 25), -1)
        cv2.line(frame, (10, height - 28), (width - 10, height - 28), (150, 150, 150), 3)
        cv2.line(frame, (10, height - 28), (int(rng.integers(30, width - 30)), height - 28), (230, 0, 0), 3)
        cv2.fillPoly(frame, [np.array([[14, height - 20], [14, height - 6], [26, height - 13]])], (240, 240, 240))
    for n, sign in enumerate(("+", "-", "x2", "x4", "x10")[: int(rng.integers(2, 6))]):
        cv2.rectangle(frame, (width - 42, 60 + 40 * n), (width - 10, 92 + 40 * n), (235, 235, 235), -1)
        cv2.putText(frame, sign, (width - 38, 82 + 40 * n), 0, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
    return frame


def panels(frame: Picture, rng: np.random.Generator) -> Picture:
    """Several pictures side by side with white gaps and letters."""
    rows, columns = ((1, 2), (2, 2), (1, 3), (2, 3))[int(rng.integers(4))]
    height, width = frame.shape[0] // rows, frame.shape[1] // columns
    whole = np.full_like(frame, 255)
    for n in range(rows * columns):
        top, left = n // columns * height, n % columns * width
        part = frame[:: (-1) ** n, :: (-1) ** (n // 2)]
        part = cv2.resize(part, (width - 8, height - 8), interpolation=cv2.INTER_AREA)
        whole[top + 4 : top + height - 4, left + 4 : left + width - 4] = part
        cv2.putText(whole, "abcdef"[n], (left + 10, top + 30), cv2.FONT_HERSHEY_DUPLEX, 0.9, (0, 0, 0), 2, cv2.LINE_AA)
    return whole


SPOILERS: dict[str, Spoiler] = {
    drawer.__name__: drawer for drawer in (desktop, panels, overview, person, text, arrow, controls, perspective)
}
