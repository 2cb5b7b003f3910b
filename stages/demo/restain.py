"""Tissue under other stains and other light: recoloured from real haematoxylin and eosin by scikit-image's matrices."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Picture

# Stains whose colours scikit-image knows (rgb_from_...; Landini's table of Ruifrok and Johnston's method): DAB, PAS,
# light green, methyl blue with ponceau, Giemsa, fast red and blue, Feulgen, azan, alcian blue.
STAINS = ("hed", "hdx", "hpx", "fgx", "bpx", "gdx", "rbd", "bex", "hax", "ahx", "bro")
HUES = ((0.1, 0.2, 1.0), (0.1, 1.0, 0.2), (1.0, 0.1, 0.1), (0.2, 0.9, 0.9), (1.0, 0.2, 0.8), (1.0, 0.8, 0.1))


def restain(image: Picture, rng: np.random.Generator, stain: str = "") -> Picture:
    """`image`, haematoxylin and eosin, as if its tissue had been stained by `stain`, by default a random one of STAINS,
    more or less strongly."""
    from skimage import color

    amounts = color.separate_stains(image, color.hed_from_rgb)
    amounts = np.maximum(amounts, 0) * rng.uniform(0.4, 1.6, 3)
    if rng.random() < 0.5:  # in an immunostain few cells are positive
        amounts[..., 1] *= cv2.GaussianBlur(amounts[..., 0], (0, 0), 3) > np.quantile(
            amounts[..., 0], rng.uniform(0, 0.8)
        )
    matrix = getattr(color, f"rgb_from_{stain or rng.choice(STAINS)}")
    return (color.combine_stains(amounts, matrix) * 255).round().astype(np.uint8)


def relight(image: Picture, rng: np.random.Generator) -> Picture:
    """`image` as another scanner, lamp or monitor shows it: tint, gamma, faded or dense."""
    tint = np.clip(rng.normal(1, 0.06, 3), 0.8, 1.1)
    levels = np.arange(256)[:, None] / 255
    table = np.clip(255 * tint * levels ** rng.uniform(0.6, 1.7), 0, 255)
    faded = rng.uniform(0, 0.35) * (rng.random() < 0.4)
    table = table * (1 - faded) + 245 * faded
    return cv2.LUT(image, table.round().astype(np.uint8)[None])


def fluoresce(image: Picture, rng: np.random.Generator) -> Picture:
    """What stains in `image` as coloured light on black: one to three channels, as a fluorescence microscope gives."""
    from skimage import color

    amounts = color.separate_stains(image, color.hed_from_rgb)
    some = amounts[..., 0] * (_patches(image.shape[:2], rng) > rng.uniform(-0.5, 1))
    channels = [amounts[..., 0], amounts[..., 1], some, amounts[..., 0] * (rng.random(image.shape[:2]) < 0.7)]
    light = glow(channels[: int(rng.integers(1, 5))], rng)
    if rng.random() < 0.4:  # tissue glows a little everywhere
        faint = np.clip(cv2.GaussianBlur(255 - image.min(axis=2), (0, 0), 1.5) / 255.0 - 0.1, 0, 1)[..., None]
        hue = np.array(HUES[int(rng.integers(len(HUES)))]) * rng.uniform(40, 160)
        light = np.clip(light + faint * hue, 0, 255).astype(np.uint8)
    return light


def _patches(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise, by which only the cells of some places are positive."""
    small = cv2.GaussianBlur(rng.standard_normal((48, 48), dtype=np.float32), (0, 0), float(rng.uniform(0.8, 4)))
    return cv2.resize((small - small.mean()) / small.std(), shape[::-1])


def glow(channels: Sequence[NDArray[Any]], rng: np.random.Generator) -> Picture:
    """Each of `channels` (height, width) as light of a colour of its own on a dark ground, together RGB."""
    light = np.zeros((*channels[0].shape, 3), np.float32)
    hues = rng.permutation(len(HUES))
    for channel, hue in zip(channels, hues, strict=False):
        soft = cv2.GaussianBlur(channel.astype(np.float32), (0, 0), float(rng.uniform(0.6, 2.5)))
        shown = soft[soft > 0.02 * soft.max()] if soft.max() > 0 else soft  # not the glass around a section
        low, high = np.quantile(shown, [rng.uniform(0.1, 0.85), rng.uniform(0.9, 0.998)])
        bright = np.clip((soft - low) / max(high - low, 1e-6), 0, 1) ** rng.uniform(0.5, 2)
        colour = (1.0, 1.0, 1.0) if len(channels) == 1 and rng.random() < 0.2 else HUES[hue]
        light += bright[..., None] * np.array(colour, np.float32)
    noisy = 255 * light * rng.uniform(0.5, 1.1) + rng.normal(rng.uniform(0, 12), rng.uniform(0, 6), light.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def vignette(image: Picture, rng: np.random.Generator) -> Picture:
    """`image` as through an eyepiece: a round field, black around it."""
    height, width = image.shape[:2]
    centre = (width / 2 + rng.normal(0, width * 0.05), height / 2 + rng.normal(0, height * 0.05))
    radius = rng.uniform(0.4, 0.62) * min(height, width) * rng.choice([1.0, 1.25])
    mask = np.zeros((height, width), np.float32)
    cv2.circle(mask, (round(centre[0]), round(centre[1])), round(radius), 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(1, 12)))
    return (image * mask[..., None]).astype(np.uint8)
