"""How much of a picture of tissue is dark blobs of which size: what nuclei look like at every magnification."""

import cv2
import numpy as np

from stages.common.data.arrays import Floats, Picture

# Optical densities of haematoxylin, eosin and DAB in red, green and blue (Ruifrok and Johnston 2001); the row of the
# inverse that gives haematoxylin.
STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
HAEMATOXYLIN = np.linalg.inv(STAINS)[:, 0]
LONG_SIDE = 1280  # pixels; of a larger image the middle is looked at: shrinking it would change what is asked
OCTAVES, STEPS = 5, 3  # scales: octaves, and steps of each; blobs of about 3 to 90 pixels
SMALLEST = 16  # pixels; on a shorter side nothing is measured
STRENGTHS = 6  # numbers for each scale
CLEAR = 0.25  # strength from which a local maximum counts as a blob
OFFSET = 0.02  # added before logarithms, about what noise gives
FEATURES = OCTAVES * STEPS * (STRENGTHS + 1)


def haematoxylin(image: Picture) -> np.ndarray:
    """Density of haematoxylin in an RGB image (colour deconvolution), at least 0."""
    density = -np.log10(np.maximum(np.arange(256, dtype=np.float32), 1) / 255)
    return np.maximum(cv2.transform(cv2.LUT(image, density), HAEMATOXYLIN[None].astype(np.float32)), 0)


def blob_spectrum(image: Picture) -> Floats:
    """FEATURES numbers that say how blobs of each size stand out in an RGB image, however strong its stain is.

    Scale-space theory (Lindeberg 1998): at scale s the determinant of the Hessian, times s^4, is largest for blobs of
    about s, so that an image shown twice as large has the same spectrum, one octave higher.
    """
    top, left = (max(0, side - LONG_SIDE) // 2 for side in image.shape[:2])
    stain = haematoxylin(image[top : top + LONG_SIDE, left : left + LONG_SIDE])
    layer = cv2.GaussianBlur(stain, (0, 0), 0.8)
    layer /= layer.std() + 1e-6
    rows = []
    for _ in range(OCTAVES):
        rows += [_strengths(layer, 2 ** (step / STEPS)) for step in range(STEPS)]
        layer = cv2.pyrDown(layer)
    logs = np.log(np.array(rows) + OFFSET)
    level = logs.mean(axis=0)  # how much there is at all says nothing of its size
    return np.concatenate([(logs - level).ravel(), logs.mean(axis=1)])


def _strengths(layer: np.ndarray, scale: float) -> list[float]:
    """STRENGTHS numbers on blobs of one `scale`, in pixels of `layer`."""
    if min(layer.shape) < SMALLEST:
        return [0.0] * STRENGTHS
    smooth = cv2.GaussianBlur(layer, (0, 0), scale, borderType=cv2.BORDER_REFLECT)
    xx, yy, xy = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3) / 4 for order in ((2, 0), (0, 2), (1, 1)))
    laplacian = -(xx + yy) * scale**2
    blob = np.sqrt(np.maximum(xx * yy - xy * xy, 0)) * scale**2
    blob[laplacian <= 0] = 0  # bright ones
    peaks = (blob >= cv2.dilate(blob, np.ones((3, 3), np.uint8))) & (blob > CLEAR)
    some, curved = blob[::2, ::2], laplacian[::2, ::2]
    high, higher = np.percentile(some, [90, 98])
    return [
        float(high),
        float(higher),
        float(np.percentile(curved, 95)),
        float(curved.std()),
        float(np.abs(curved).mean()),
        float(peaks.mean() * 4 * scale**2),
    ]
