"""Which images are duplicates of each other, and of test images: data leakage."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.dataset.fingerprints import Fingerprints
from stages.dataset.neighbours import IndexPairs, hamming_pairs, nearest_neighbours
from stages.dataset.words import pictures_with_common_words

NEIGHBOURS = 20  # nearest neighbours of an image, among which its crops are looked for
Verify = Callable[[Sequence[tuple[str, str]]], Sequence[bool]]  # do the images of these references show the same place?


def copies(
    candidates: Fingerprints, groups: NDArray[np.int64], bits: int, cosine: float, verify: Verify, jobs: int = 1
) -> pd.DataFrame:
    """Return (i, j, how), i < j, of images of different `groups` that are copies: exact (the same bytes), near (their
    hashes, or that of a mirror image, differ in at most `bits` of 256 bits) or crop: one is cut out of the other,
    turned, framed or shown in it. For crops, images that share visual words or whose embeddings have at least
    `cosine` are compared closely by `verify`."""
    same = _equal(candidates.sha256, candidates.sha256)
    turned = hamming_pairs(candidates.hashes, candidates.mirrored, bits)
    # An image that resembles its own mirror image is not a copy; every other mirrored pair is found from both sides.
    close = np.concatenate(
        [
            hamming_pairs(candidates.hashes, candidates.hashes, bits),
            np.sort(turned[turned[:, 0] < turned[:, 1]], axis=1),
        ]
    )
    found = _with_how(_across(same, groups), "exact", _across(close, groups), "near")
    centred = _centred(candidates.embeddings, candidates.embeddings)
    alike = _across(nearest_neighbours(centred, centred, NEIGHBOURS, cosine), groups)
    share = pictures_with_common_words(candidates.blobs, candidates.blobs, groups, groups, jobs)
    possible = np.unique(np.concatenate([alike, share]), axis=0)
    return _with_crops(found, possible, candidates, candidates, verify)


def leaks(
    candidates: Fingerprints, tests: Fingerprints, bits: int, cosine: float, verify: Verify, jobs: int = 1
) -> pd.DataFrame:
    """Return (i, j, how), like `copies`, of candidate images i that are copies of test images j."""
    close = np.concatenate(
        [hamming_pairs(candidates.hashes, tests.hashes, bits), hamming_pairs(candidates.mirrored, tests.hashes, bits)]
    )
    found = _with_how(_equal(candidates.sha256, tests.sha256), "exact", close, "near")
    centred = _centred(candidates.embeddings, candidates.embeddings), _centred(tests.embeddings, candidates.embeddings)
    alike = nearest_neighbours(*centred, NEIGHBOURS, cosine)
    none = np.full(len(candidates.images), -1)
    share = pictures_with_common_words(candidates.blobs, tests.blobs, none, np.arange(len(tests.images)), jobs)
    return _with_crops(found, np.unique(np.concatenate([alike, share]), axis=0), candidates, tests, verify)


def _equal(left: NDArray[np.object_], right: NDArray[np.object_]) -> IndexPairs:
    a = pd.DataFrame({"digest": left, "i": np.arange(len(left))})
    b = pd.DataFrame({"digest": right, "j": np.arange(len(right))})
    pairs = a.merge(b, on="digest")[["i", "j"]].to_numpy(np.int64)
    return pairs[pairs[:, 0] < pairs[:, 1]] if left is right else pairs


def _across(pairs: IndexPairs, groups: NDArray[np.int64]) -> IndexPairs:
    return pairs[groups[pairs[:, 0]] != groups[pairs[:, 1]]]


def _centred(vectors: NDArray[np.float16], about: NDArray[np.float16]) -> NDArray[np.float32]:
    """`vectors` less the mean of `about`, what all images have in common, scaled to unit length."""
    moved = vectors.astype(np.float32)
    if len(about) and len(vectors):
        moved -= about.mean(axis=0, dtype=np.float32)
        moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)
    return moved


def _with_how(exact: IndexPairs, first: str, close: IndexPairs, second: str) -> pd.DataFrame:
    table = pd.DataFrame(np.concatenate([exact, close]), columns=["i", "j"])
    table["how"] = [first] * len(exact) + [second] * len(close)
    return table.drop_duplicates(["i", "j"]).sort_values(["i", "j"], ignore_index=True)


def _with_crops(
    found: pd.DataFrame, possible: IndexPairs, candidates: Fingerprints, others: Fingerprints, verify: Verify
) -> pd.DataFrame:
    """`found`, and those of `possible` that `verify` confirms."""
    crops = pd.DataFrame(possible, columns=["i", "j"]).merge(found, how="left", on=["i", "j"])
    crops = crops[crops.how.isna()]
    asked = list(zip(candidates.images[crops.i], others.images[crops.j], strict=True))
    crops = crops[np.asarray(verify(asked), bool)] if asked else crops
    table = pd.concat([found, crops.assign(how="crop")], ignore_index=True)
    return table.sort_values(["i", "j"], ignore_index=True)
