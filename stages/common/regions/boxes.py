"""Upright rectangles in pixels."""

from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle: `left` and `top` are its first pixels, `right` and `bottom` lie just behind its last."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.bottom - self.top

    @property
    def area(self) -> int:
        """Pixels in it; 0 where it is empty."""
        return max(0, self.width) * max(0, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns, to cut it out of an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def common(self, other: "Box") -> "Box":
        """What lies in both; it may be empty."""
        corner = max(self.left, other.left), max(self.top, other.top)
        return Box(*corner, min(self.right, other.right), min(self.bottom, other.bottom))

    def grown(self, pixels: int) -> "Box":
        """The rectangle with so many more pixels on each side."""
        return Box(self.left - pixels, self.top - pixels, self.right + pixels, self.bottom + pixels)

    def within(self, outer: "Box") -> "Box":
        """The same rectangle, counted from the corner of `outer`."""
        return Box(*(a - b for a, b in zip(self, (outer.left, outer.top) * 2, strict=True)))

    def scaled(self, across: float, down: float) -> "Box":
        """The rectangle in a picture that is so many times as wide and as high."""
        return Box(*(round(side * by) for side, by in zip(self, (across, down) * 2, strict=True)))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    both = one.common(other).area
    return both / max(1, one.area + other.area - both)
