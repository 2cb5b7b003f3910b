"""Strokes that several tissues are drawn with."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.demo.stain import Mask, Slide


def ground(slide: Slide, eosin: float, fibres: float = 6.0, angle: float | None = None, contrast: float = 0.25) -> None:
    """Lay an eosinophilic fibrous ground."""
    turn = slide.rng.uniform(0, np.pi) if angle is None else angle
    slide.eosin += np.maximum(0.02, eosin * (1 + contrast * slide.noise(2.5, fibres, turn)))


def spindles(slide: Slide, spacing: float, angle: float, inside: Mask | None = None) -> None:
    """Elongated nuclei that lie along `angle`."""
    points = slide.scatter(spacing, inside)
    turns = angle + slide.rng.normal(0, 0.15, len(points))
    slide.nuclei(points, 5.5, elongation=4.5, angles=turns.astype(np.float32), density=0.9)


def gland(
    slide: Slide,
    center: tuple[float, float],
    radius: float,
    *,
    lumen: float,
    lobes: float = 0.05,
    nucleus: float = 6.5,
    rows: int = 1,
    goblets: bool = False,
    density: float = 1.0,
    squeeze: float = 1.0,
) -> None:
    """One gland: epithelium of `rows` layers of nuclei around a clear lumen of `lumen` times its radius."""
    body = slide.blob(center, radius, lobes, squeeze)
    slide.eosin[body] = 0.32
    slide.haematoxylin[body] = 0.12
    distance = cv2.distanceTransform(body.astype(np.uint8), cv2.DIST_L2, 3)
    slide.clear(distance > radius * squeeze * (1 - lumen))
    for row in range(rows):
        depth = nucleus * (1.4 + 1.7 * row)
        ring = (distance > depth - 0.7 * nucleus) & (distance < depth + 0.7 * nucleus)
        points = slide.scatter(nucleus * 2, ring, jitter=0.25) if ring.any() else np.zeros((0, 2), np.float32)
        away = points - np.array(center, np.float32)
        slide.nuclei(points, nucleus, elongation=1.7, angles=np.arctan2(away[:, 1], away[:, 0]), density=density)
    if goblets:
        cups = slide.scatter(15, (distance > nucleus * 3) & (distance < radius * (1 - lumen)))
        holes = np.zeros(slide.shape, np.uint8)
        for x, y in cups:
            cv2.circle(holes, (round(float(x)), round(float(y))), 6, 1, -1)
        slide.clear(holes.astype(bool), rest=0.15)


def glands(slide: Slide, spacing: float, radius: float, spread: float, **style: float | bool) -> None:
    """Glands of about `radius`, `spacing` pixels apart, each in the style that `gland` takes."""
    for part, center in slide.patches(spacing, 2 * radius, jitter=0.18):
        gland(part, center, radius * float(slide.rng.lognormal(0, spread)), **style)  # type: ignore[arg-type]


def voronoi(slide: Slide, seeds: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance in pixels of each pixel from the border of its seed's cell."""
    height, width = slide.shape
    layer = np.full(slide.shape, 255, np.uint8)
    for x, y in seeds:
        if 0 <= x < width and 0 <= y < height:
            layer[int(y), int(x)] = 0
    _, labels = cv2.distanceTransformWithLabels(layer, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    edge = (cv2.morphologyEx(labels.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0).astype(np.uint8)
    return cv2.distanceTransform(1 - edge, cv2.DIST_L2, 3)
