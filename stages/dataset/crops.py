"""Do two images show the same place, even if one is cropped, scaled or mirrored? Local features (ORB) and RANSAC
decide, for many pairs of images at once."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from stages.common.data.arrays import Grey, Picture
from stages.common.data.pictures import decode
from stages.common.data.references import ImageReader
from stages.dataset.duplicates import Verify

CHUNK = 256  # pairs a worker compares in one go
LONG_SIDE = 320  # pixels at which images are compared
FEATURES = 1000
RATIO = 0.8  # of distances: how much nearer a match must be than the second best (Lowe 2004)
MIN_MATCHES = 12
REACH = 4.0  # pixels by which a matched point may be off (RANSAC)
MIN_SHARED = 0.4  # share of the smaller image that both show
MIN_CORRELATION = 0.7  # of the grey levels where they overlap
BLOCK = 24  # pixels: side of the parts that are compared each for itself, so that no frame or word stands for all
FLAT = 4.0  # grey levels of spread up to which a part says nothing
LIKE, MOST_LIKE = 0.5, 0.8  # correlation of a part that is alike; share of the parts that must be
SMALLEST = 16  # pixels: side of the smallest area that is compared
MOST_SCALE = 3.0  # larger or smaller is not a match: both images have the same long side


def verifier(jobs: int) -> Verify:
    """A function that reads both images of each pair of references (members of tars, or files) and compares them."""

    def verify(asked: Sequence[tuple[str, str]]) -> list[bool]:
        from tqdm import tqdm

        parts = [asked[begin : begin + CHUNK] for begin in range(0, len(asked), CHUNK)]
        done = Parallel(n_jobs=jobs, return_as="generator")(delayed(_compare)(part) for part in parts)
        return [same for part in tqdm(done, total=len(parts), desc="crops", unit=f"x{CHUNK}") for same in part]

    return verify


def _compare(part: Sequence[tuple[str, str]]) -> list[bool]:
    cv2.setNumThreads(1)
    cv2.setRNGSeed(0)
    reader = ImageReader()

    @functools.lru_cache(CHUNK)
    def features(reference: str, mirrored: bool = False) -> LocalFeatures:
        return LocalFeatures.of(decode(reader.read(reference)), mirrored)

    return [
        same_place(features(other), features(one)) or same_place(features(other), features(one, mirrored=True))
        for one, other in part
    ]


@dataclass(frozen=True)
class LocalFeatures:
    """An image in grey, and its local features: points (n, 2) and descriptors (n, 32)."""

    grey: Grey
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]

    @classmethod
    def of(cls, image: Picture, mirrored: bool = False) -> "LocalFeatures":
        """The local features of an RGB image, or of its mirror image."""
        scale = LONG_SIDE / max(image.shape[:2])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=scale, fy=scale, interpolation=way)
        grey = np.ascontiguousarray(grey[:, ::-1] if mirrored else grey)
        points, found = cv2.ORB_create(FEATURES, fastThreshold=5).detectAndCompute(grey, None)
        places = np.array([point.pt for point in points], np.float32).reshape(-1, 2)
        return cls(grey, places, np.zeros((0, 32), np.uint8) if found is None else found)


def same_place(left: LocalFeatures, right: LocalFeatures) -> bool:
    """Whether one shift, rotation and scale maps `left` onto `right`: local features agree on it, and under it the grey
    levels correlate."""
    if min(len(left.points), len(right.points)) < MIN_MATCHES:
        return False
    couples = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(left.descriptors, right.descriptors, k=2)
    good = [pair[0] for pair in couples if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance]
    if len(good) < MIN_MATCHES:
        return False
    source = left.points[[match.queryIdx for match in good]]
    target = right.points[[match.trainIdx for match in good]]
    move, inliers = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=REACH)
    return move is not None and int(inliers.sum()) >= MIN_MATCHES and _correlate(left.grey, right.grey, move)


def _correlate(a: Grey, b: Grey, move: NDArray[np.float64]) -> bool:
    scale = float(np.hypot(move[0, 0], move[1, 0]))
    if not 1 / MOST_SCALE <= scale <= MOST_SCALE:
        return False
    size = (b.shape[1], b.shape[0])
    shared = cv2.warpAffine(np.full_like(a, 255), move, size, flags=cv2.INTER_NEAREST) > 0
    smaller = min(a.size * scale**2, b.size)
    if shared.sum() < max(MIN_SHARED * smaller, SMALLEST**2):
        return False
    moved, still = (cv2.blur(one, (3, 3)) for one in (cv2.warpAffine(a, move, size, flags=cv2.INTER_LINEAR), b))
    correlation = np.corrcoef(moved[shared], still[shared])[0, 1]
    return bool(correlation >= MIN_CORRELATION) and _alike_all_over(moved, still, shared)


def _alike_all_over(left: Grey, right: Grey, shared: NDArray[np.bool_]) -> bool:
    """Whether the shared parts that show something correlate, not only all of them together: two screenshots of one
    viewer have their frame in common, whatever they show."""
    one, other, inside = left.astype(np.float32), right.astype(np.float32), shared.astype(np.float32)

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return cv2.blur(values, (BLOCK, BLOCK))[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK]

    means = mean(one), mean(other)
    spread = [np.sqrt(np.maximum(mean(a * a) - m * m, 0)) for a, m in zip((one, other), means, strict=True)]
    seen = (mean(inside) > 0.99) & (np.maximum(*spread) > FLAT)
    if not seen.any():
        return False
    correlation = (mean(one * other) - means[0] * means[1])[seen] / np.maximum(spread[0] * spread[1], 1.0)[seen]
    return bool((correlation >= LIKE).mean() >= MOST_LIKE)
