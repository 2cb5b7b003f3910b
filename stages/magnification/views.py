"""Views of tissue at other scales, as cameras, viewers and codecs show it."""

import cv2
import numpy as np

from stages.common.data.arrays import Picture
from stages.magnification.tissue import Tissue

SHAPE = (480, 640)  # height and width of a view, at most
LEAST_SIDE = 96  # pixels; a coarser scale would leave less of the image
FINEST, COARSEST = 0.17, 3.0  # micrometres a pixel: about 60x and 3x
STAINED, LEAST_TISSUE = 20, 0.3  # saturation of stain, and the share of a view that has it
TRIES = 20  # places looked at for such a share
STAIN = 0.3  # deviation of the log strength per colour


def view(tissue: Tissue, rng: np.random.Generator) -> tuple[Picture, float]:
    """A part of `tissue` at a random scale, and its micrometres a pixel."""
    coarsest = min(COARSEST, min(tissue.image.shape[:2]) * tissue.um_per_pixel / LEAST_SIDE)
    scale = float(np.exp(rng.uniform(np.log(FINEST), np.log(max(coarsest, FINEST)))))
    part = _part(tissue, scale, rng)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    if rng.random() < 0.5:
        part = np.rot90(part)
    return _seen(_resized(np.ascontiguousarray(part), tissue.um_per_pixel / scale, rng), rng), scale


def _part(tissue: Tissue, scale: float, rng: np.random.Generator) -> Picture:
    """What fills a view of `scale`, with tissue in it where the image has any."""
    shape = [
        min(side, int(wanted * scale / tissue.um_per_pixel))
        for side, wanted in zip(tissue.image.shape[:2], SHAPE, strict=True)
    ]
    for _ in range(TRIES):
        top, left = (int(rng.integers(side - own + 1)) for side, own in zip(tissue.image.shape[:2], shape, strict=True))
        part = tissue.image[top : top + shape[0], left : left + shape[1]]
        if (cv2.cvtColor(part, cv2.COLOR_RGB2HSV)[..., 1] > STAINED).mean() >= LEAST_TISSUE:
            break
    return part


def _resized(part: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """`part`, larger by `factor`; half of the smaller ones lose sharpness, or sharpness would say what is large."""
    width, height = (max(1, round(side * factor)) for side in part.shape[1::-1])
    if factor < 1 and rng.random() < 0.5:
        loss = rng.uniform(1, 2)
        part = cv2.resize(
            part, (max(1, round(width / loss)), max(1, round(height / loss))), interpolation=cv2.INTER_AREA
        )
    shrinks = part.shape[1] > width
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _seen(image: Picture, rng: np.random.Generator) -> Picture:
    """`image` with another stain, out of focus or sharpened, and compressed."""
    levels = (np.arange(256)[:, None] + 1) / 256
    table = np.clip(256 * levels ** np.exp(rng.normal(0, STAIN, 3)) - 1, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, np.ascontiguousarray(table[None]))
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.3:
        image = cv2.addWeighted(image, 1.6, cv2.GaussianBlur(image, (0, 0), 1), -0.6, 0)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 95))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
