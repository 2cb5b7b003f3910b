"""Estimate the magnification, that of the objective, from the size of the nuclei."""

import cv2
import numpy as np
from numpy.typing import NDArray

OBJECTIVE_UM = 10.0  # micrometres a pixel times magnification: 0.5 at 20x, 0.25 at 40x
# Optical densities of haematoxylin, eosin and DAB in red, green and blue (Ruifrok and Johnston 2001); the row of the
# inverse that gives haematoxylin.
STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
HAEMATOXYLIN = np.linalg.inv(STAINS)[:, 0]
LONG_SIDE = 1280  # pixels; larger images are shrunk first


def magnification(image: NDArray[np.uint8], nucleus_um: float) -> float:
    """Return the estimated magnification of an RGB histology image, or 0 where no nucleus is found.

    Nuclei are the dark part of the haematoxylin channel (colour deconvolution, Otsu's threshold); half their width is
    the local maximum of the distance to the background, so that touching nuclei count one by one.
    """
    scale = min(1.0, LONG_SIDE / max(image.shape[:2]))
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    density = -np.log10(np.maximum(np.arange(256, dtype=np.float32) / 255, 1e-6))
    channel = cv2.transform(cv2.LUT(image, density), HAEMATOXYLIN[None].astype(np.float32))
    channel = cv2.GaussianBlur(np.maximum(channel, 0), (0, 0), 1.0)
    scaled = cv2.normalize(channel, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    _, nuclei = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    depth = cv2.distanceTransform(nuclei, cv2.DIST_L2, 5)
    peaks = (depth >= 1.5) & (depth == cv2.dilate(depth, np.ones((7, 7), np.uint8)))
    if not peaks.any():
        return 0.0
    diameter = 2 * float(np.median(depth[peaks])) / scale
    return OBJECTIVE_UM * diameter / nucleus_um


def level(estimate: float) -> int:
    """The paper's ordinal class: 0 for (1-10]x, 1 for (10-20]x, 2 above (section 4d)."""
    return 0 if estimate <= 10 else 1 if estimate <= 20 else 2
