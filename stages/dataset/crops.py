"""Do two images show the same place, even if one is cropped, scaled or mirrored? Local features (ORB) and RANSAC
decide, for many pairs of images at once."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from stages.common.data.arrays import Grey, Picture
from stages.common.data.pictures import decode, shrunk
from stages.common.data.references import ImageReader
from stages.dataset.duplicates import Verify

CHUNK = 256  # pairs a worker compares in one go
LONG_SIDE = 320  # pixels at which images are compared
THINNEST = 8  # pixels: OpenCV cannot shrink thinner pictures step by step
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
MOST_SCALE = 4.0  # larger or smaller is not a match: both images have the same long side
MOST_STRETCH = 2.0  # of one direction against the other, and of the scale in one corner against another's
PLAIN = 6  # grey levels by which a plain ground may differ from its corner


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
    """An image in grey, where it shows something, and its local features: points (n, 2) and descriptors (n, 32)."""

    grey: Grey
    shown: NDArray[np.uint8]  # 0 on the plain ground about it, or else 255
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]

    @classmethod
    def of(cls, image: Picture, mirrored: bool = False) -> "LocalFeatures":
        """The local features of an RGB image, or of its mirror image."""
        scale = LONG_SIDE / max(image.shape[:2])
        grey = shrunk(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), scale)
        if scale > 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        grey = np.ascontiguousarray(grey[:, ::-1] if mirrored else grey)
        detector = cv2.ORB_create(FEATURES, fastThreshold=5)
        points, found = detector.detectAndCompute(grey, None) if min(grey.shape) >= THINNEST else ((), None)
        places = np.array([point.pt for point in points], np.float32).reshape(-1, 2)
        return cls(grey, _shown(grey), places, np.zeros((0, 32), np.uint8) if found is None else found)


def _shown(grey: Grey) -> NDArray[np.uint8]:
    """Where an image shows something: not on a plain ground that begins in a corner, as about what was turned or cut
    out round."""
    height, width = grey.shape
    ground = np.zeros((height + 2, width + 2), np.uint8)
    smooth = cv2.blur(grey, (3, 3))
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (255 << 8)
    for corner in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)):
        cv2.floodFill(smooth, ground, corner, (0,), (PLAIN,), (PLAIN,), flags)
    return cv2.bitwise_not(ground[1:-1, 1:-1])


def same_place(left: LocalFeatures, right: LocalFeatures) -> bool:
    """Whether one shift, rotation and scale, or else one slight stretch or perspective, maps `left` onto `right`: local
    features agree on it, and under it the grey levels correlate."""
    if min(len(left.points), len(right.points)) < MIN_MATCHES:
        return False
    couples = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(left.descriptors, right.descriptors, k=2)
    good = [pair[0] for pair in couples if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance]
    if len(good) < MIN_MATCHES:
        return False
    source = left.points[[match.queryIdx for match in good]]
    target = right.points[[match.trainIdx for match in good]]
    masks = list(product(*((np.full_like(one.grey, 255), one.shown) for one in (left, right))))
    return any(_correlate(left.grey, right.grey, a, b, move) for move in _moves(source, target) for a, b in masks)


def _moves(source: NDArray[np.float32], target: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
    """The similarity, and the projection (3, 3), that most matches agree on, where enough do."""
    move, inliers = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=REACH)
    if move is not None and int(inliers.sum()) >= MIN_MATCHES:
        yield np.vstack([move, (0, 0, 1)])
    move, inliers = cv2.findHomography(source, target, cv2.RANSAC, REACH)
    if move is not None and int(inliers.sum()) >= MIN_MATCHES:
        yield move


def _area(size: tuple[int, ...], move: NDArray[np.float64]) -> float:
    """How many times as large an image of this (height, width) is when moved; 0 where it becomes another thing than an
    image seen from nearby."""
    height, width = size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    places = cv2.perspectiveTransform(corners[None], move)[0]
    if not cv2.isContourConvex(places):
        return 0.0
    sides = np.linalg.norm(places - np.roll(places, -1, axis=0), axis=1) / (width, height, width, height)
    scales = sides.max() / max(sides.min(), 1e-9)
    area = cv2.contourArea(places) / (width * height)
    return area if scales <= MOST_STRETCH and 1 / MOST_SCALE <= area**0.5 <= MOST_SCALE else 0.0


def _correlate(
    a: Grey, b: Grey, shown_by_a: NDArray[np.uint8], shown_by_b: NDArray[np.uint8], move: NDArray[np.float64]
) -> bool:
    area = _area(a.shape, move)
    if not area:
        return False
    size = (b.shape[1], b.shape[0])
    shared = (cv2.warpPerspective(shown_by_a, move, size, flags=cv2.INTER_NEAREST) & shown_by_b) > 0
    smaller = min(np.count_nonzero(shown_by_a) * area, np.count_nonzero(shown_by_b))
    if shared.sum() < max(MIN_SHARED * smaller, SMALLEST**2):
        return False
    moved, still = (cv2.blur(one, (3, 3)) for one in (cv2.warpPerspective(a, move, size, flags=cv2.INTER_LINEAR), b))
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
