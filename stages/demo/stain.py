"""A blank slide that is painted in stain densities and seen through the Beer-Lambert law."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Optical density per unit of stain in red, green and blue; haematoxylin and eosin after Ruifrok and Johnston (2001),
# the third a brown pigment.
HAEMATOXYLIN = np.array([0.65, 0.70, 0.29], np.float32)
EOSIN = np.array([0.07, 0.99, 0.11], np.float32)
PIGMENT = np.array([0.35, 0.65, 0.95], np.float32)


class Slide:
    """Stain densities of a piece of tissue, 0.5 micrometres a pixel (20x)."""

    def __init__(self, height: int, width: int, rng: np.random.Generator) -> None:
        self.shape = (height, width)
        self.rng = rng
        self.haematoxylin = np.zeros(self.shape, np.float32)
        self.eosin = np.zeros(self.shape, np.float32)
        self.pigment = np.zeros(self.shape, np.float32)

    def patches(
        self, spacing: float, reach: float, inside: Mask | None = None, jitter: float = 0.45
    ) -> Iterator[tuple["Slide", tuple[float, float]]]:
        """Yield, for each point that `scatter` gives, the part of the slide within `reach` pixels of it and the point
        in that part's coordinates. Painting on the part paints on the slide."""
        height, width = self.shape
        for x, y in self.scatter(spacing, inside, jitter).tolist():
            left, right = max(0, int(x - reach)), min(width, int(x + reach) + 1)
            top, bottom = max(0, int(y - reach)), min(height, int(y + reach) + 1)
            if right - left > 2 and bottom - top > 2:
                part = Slide(0, 0, self.rng)
                part.shape = (bottom - top, right - left)
                part.haematoxylin = self.haematoxylin[top:bottom, left:right]
                part.eosin = self.eosin[top:bottom, left:right]
                part.pigment = self.pigment[top:bottom, left:right]
                yield part, (x - left, y - top)

    def noise(self, sigma: float, stretch: float = 1.0, angle: float = 0.0) -> NDArray[np.float32]:
        """Smooth noise, mean 0, deviation 1; `stretch` > 1 draws it out along `angle` (radians) into fibres."""
        height, width = self.shape
        step = max(1.0, sigma / 2)
        small = (int(height / step) + 8, int(width / step) + 8)
        field = cv2.GaussianBlur(self.rng.standard_normal(small, dtype=np.float32), (0, 0), max(sigma / step, 0.5))
        if stretch > 1:
            field = _motion_blur(field, int(sigma * stretch / step), angle)
        field = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
        return (field - field.mean()) / (field.std() + 1e-6)

    def scatter(self, spacing: float, inside: Mask | None = None, jitter: float = 0.45) -> Points:
        """Points (x, y) on a jittered hexagonal grid, kept where `inside` is true."""
        height, width = self.shape
        ys, xs = np.mgrid[-spacing : height + spacing : spacing * 0.87, -spacing : width + spacing : spacing]
        xs = xs + (np.arange(len(xs)) % 2)[:, None] * spacing / 2
        points = np.stack([xs.ravel(), ys.ravel()], 1).astype(np.float32)
        points += self.rng.uniform(-jitter, jitter, points.shape).astype(np.float32) * spacing
        return points if inside is None else points[self.at(inside, points)]

    def at(self, mask: Mask, points: Points) -> Mask:
        """Whether each point lies on the slide and in `mask`."""
        height, width = self.shape
        x, y = points[:, 0].astype(int), points[:, 1].astype(int)
        on = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        on[on] = mask[y[on], x[on]]
        return on

    def nuclei(
        self,
        points: Points,
        radius: float,
        *,
        elongation: float = 1.0,
        angles: NDArray[np.float32] | None = None,
        density: float = 1.0,
        spread: float = 0.15,
    ) -> None:
        """Paint one nucleus per point: mean `radius` in pixels, long axis `elongation` times the short one."""
        layer = np.zeros(self.shape, np.float32)
        if angles is None:
            angles = self.rng.uniform(0, np.pi, len(points)).astype(np.float32)
        radii = radius * self.rng.lognormal(0, spread, len(points))
        depths = density * self.rng.uniform(0.75, 1.25, len(points))
        for (x, y), angle, size, depth in zip(points, angles, radii, depths, strict=True):
            axes = (max(1, round(float(size * elongation**0.5))), max(1, round(float(size / elongation**0.5))))
            cv2.ellipse(
                layer, (round(float(x)), round(float(y))), axes, float(np.degrees(angle)), 0, 360, float(depth), -1
            )
        layer *= 1 + 0.18 * self.noise(1.2)
        np.maximum(self.haematoxylin, cv2.GaussianBlur(layer, (0, 0), 0.8), out=self.haematoxylin)

    def clear(self, mask: Mask, rest: float = 0.04) -> None:
        """Wash the stain out of `mask`, leaving the share `rest`: lumina, fat, air."""
        soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)
        keep = 1 - soft * (1 - rest)
        self.haematoxylin *= keep
        self.eosin *= keep

    def blob(self, center: tuple[float, float], radius: float, lobes: float = 0.0, squeeze: float = 1.0) -> Mask:
        """A round region with a wavy outline: `lobes` is the wave's height as a share of `radius`."""
        angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        waves = sum(self.rng.normal(0, 1) * np.cos(k * angle + self.rng.uniform(0, 6.3)) for k in (2, 3, 5))
        reach = radius * (1 + lobes * waves)
        turn = self.rng.uniform(0, np.pi)
        x, y = reach * np.cos(angle), reach * np.sin(angle) * squeeze
        outline = np.stack(
            [center[0] + x * np.cos(turn) - y * np.sin(turn), center[1] + x * np.sin(turn) + y * np.cos(turn)], 1
        )
        layer = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(layer, [outline.round().astype(np.int32)], 1)
        return layer.astype(bool)

    def rgb(self) -> NDArray[np.uint8]:
        """The slide as an 8-bit image under a lamp, with this slide's own stain strength and hue."""
        shift = self.rng.normal(0, 0.06, (3, 3)).astype(np.float32)
        h, e, p = (stain * (1 + row) for stain, row in zip((HAEMATOXYLIN, EOSIN, PIGMENT), shift, strict=True))
        strength = self.rng.uniform(0.85, 1.2, 2)
        uneven = 1 + 0.05 * self.noise(220)
        haematoxylin, eosin = self.haematoxylin * uneven * strength[0], self.eosin * uneven * strength[1]
        grain = 1.2 * self.rng.standard_normal(self.shape, dtype=np.float32)
        image = np.empty((*self.shape, 3), np.uint8)
        for colour in range(3):  # one at a time and in place: a whole slide at once waits for memory
            total = haematoxylin * h[colour]
            total += eosin * e[colour]
            total += self.pigment * p[colour]
            np.maximum(total, 0, out=total)
            light = cv2.exp(np.negative(total, out=total))
            light *= 250
            light += grain
            image[..., colour] = np.clip(light, 0, 255, out=light)
        return image


def _motion_blur(field: NDArray[np.float32], length: int, angle: float) -> NDArray[np.float32]:
    size = max(3, length | 1)
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    reach = (np.cos(angle) * middle, np.sin(angle) * middle)
    cv2.line(
        kernel,
        (round(middle - reach[0]), round(middle - reach[1])),
        (round(middle + reach[0]), round(middle + reach[1])),
        1.0,
    )
    return cv2.filter2D(field, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
