"""Near duplicates among hashes and among embeddings, at a million rows."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.arrays import Ints, Vectors

Hashes = NDArray[np.uint8]
IndexPairs = Ints  # (n, 2) row numbers (i, j)
Side = tuple[NDArray[np.uint32], NDArray[np.uint64]]  # a key and a word of each row

MOST_WIDTH = 20  # bits of a band: a table of 2 ** 20 entries fits into the processor's cache
PART = 1 << 16  # rows compared at a time, so that both sides fit into the cache
FLAT = 20_000  # rows up to which every embedding is compared with every other
PROBES = 8  # cells of an inverted file that are looked into
BLOCK = 4096  # rows multiplied at a time


def hamming_pairs(left: Hashes, right: Hashes, bits: int) -> IndexPairs:
    """Return (n, 2) all (i, j), sorted, where rows i of `left` and j of `right` differ in at most `bits` bits.

    Exact. Where `left` is `right`, only i < j. Multi-index hashing (Norouzi et al., CVPR 2012): of `bits` // 2 + 1
    bands of two close hashes one differs in at most one bit, so only hashes that share such a band are compared. Equal
    hashes, which share all bands, are looked at once.
    """
    if not len(left) or not len(right):
        return np.zeros((0, 2), np.int64)
    firsts, equal = _distinct(left)
    others, alike = (firsts, equal) if left is right else _distinct(right)
    distinct = left[firsts]
    close = _close(distinct, distinct if left is right else right[others], bits)
    pairs = _of_equal(close, equal, alike)
    if left is right:
        repeated = np.flatnonzero(np.bincount(equal) > 1)
        same = _of_equal(np.stack([repeated, repeated], axis=1), equal, equal)
        pairs = np.concatenate([np.sort(pairs, axis=1), same[same[:, 0] < same[:, 1]]])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _distinct(hashes: Hashes) -> tuple[Ints, Ints]:
    """Rows whose hashes are all that there are, and for each row of `hashes` which of them is equal to it."""
    whole = np.ascontiguousarray(hashes).view(np.dtype((np.void, hashes.shape[1]))).ravel()
    _, firsts, equal = np.unique(whole, return_index=True, return_inverse=True)
    return firsts, equal


def _of_equal(pairs: IndexPairs, left: Ints, right: Ints) -> IndexPairs:
    """All rows (i, j) where (left[i], right[j]) is one of `pairs`."""
    (left_order, left_size), (right_order, right_size) = (
        (np.argsort(side, kind="stable"), np.bincount(side)) for side in (left, right)
    )
    i, j = pairs[:, 0], pairs[:, 1]
    count = left_size[i] * right_size[j]
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    each = np.repeat(right_size[j], count)
    first, second = (np.repeat((np.cumsum(size) - size)[one], count) for size, one in ((left_size, i), (right_size, j)))
    return np.stack([left_order[first + number // each], right_order[second + number % each]], axis=1)


def _close(left: Hashes, right: Hashes, bits: int) -> IndexPairs:
    """hamming_pairs of hashes each of which is there once."""
    self_join = left is right
    total = left.shape[1] * 8
    count = max(bits // 2 + 1, -(-total // MOST_WIDTH))
    width = total // count
    left_words, right_words = (np.ascontiguousarray(side).view(np.uint64) for side in (left, right))
    found = [np.zeros((0, 2), np.int64)]
    for left_keys, right_keys in zip(_bands(left, count, width), _bands(right, count, width), strict=True):
        # Comparing one 64-bit word rules out most pairs before the whole hash is read.
        sides = (left_keys, left_words[:, 0]), (right_keys, right_words[:, 0])
        for i, j in _sharing(*sides, width, bits, self_join):
            apart = np.bitwise_count(left_words[i] ^ right_words[j]).sum(1, dtype=np.int32)
            found.append(np.stack([i[apart <= bits], j[apart <= bits]], axis=1))
    pairs = np.concatenate(found)
    return np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1) if self_join else pairs, axis=0)


def _bands(hashes: Hashes, count: int, width: int) -> Iterator[NDArray[np.uint32]]:
    """One integer per row for each of `count` bands of `width` bits."""
    weights = 1 << np.arange(width, dtype=np.uint32)
    for band in range(count):
        first, last = band * width, (band + 1) * width
        bits = np.unpackbits(hashes[:, first // 8 : -(-last // 8)], axis=1)[:, first % 8 :][:, :width]
        yield (bits * weights).sum(1, dtype=np.uint32)


def _sharing(
    left: Side, right: Side, width: int, bits: int, self_join: bool
) -> Iterator[tuple[IndexPairs, IndexPairs]]:
    """Rows (i, j), in parts, whose keys are equal or one bit apart and whose words differ in at most `bits` bits.

    In a `self_join` (left is right), a pair whose keys differ is found from one of its two sides only.
    """
    # Both sides are sorted by key, so memory is read nearly in sequence whichever bit is flipped.
    (left_order, left_keys, left_word), (right_order, right_keys, right_word) = map(_by_key, (left, right))
    place = np.zeros((1 << width) + 1, np.int32)
    np.cumsum(np.bincount(right_keys, minlength=1 << width), out=place[1:])
    for flip in (0, *(1 << bit for bit in range(width))):
        asking = np.flatnonzero((left_keys & flip) == 0) if self_join else np.arange(len(left_keys))
        for begin in range(0, len(asking), PART):
            rows = asking[begin : begin + PART]
            keys = left_keys[rows] ^ np.uint32(flip)
            first, size = place[keys], place[keys + 1] - place[keys]
            # Of every row, the run of places that hold its key.
            at = np.repeat(first - np.cumsum(size) + size, size)
            at += np.arange(len(at))
            close = np.flatnonzero(np.bitwise_count(np.repeat(left_word[rows], size) ^ right_word[at]) <= bits)
            yield left_order[np.repeat(rows, size)[close]], right_order[at[close]]


def _by_key(side: Side) -> tuple[Ints, NDArray[np.uint32], NDArray[np.uint64]]:
    keys, word = side
    order = np.argsort(keys, kind="stable")
    return order, keys[order], word[order]


def nearest_neighbours(left: Vectors, right: Vectors, count: int, min_cosine: float) -> IndexPairs:
    """Return (n, 2) pairs (i, j), sorted, of unit rows where j is among the `count` of `right` nearest to row i of
    `left` and their cosine is at least `min_cosine`. Where `left` is `right`, each pair comes once, with i < j.

    Exact up to FLAT rows. Beyond, an inverted file: rows are compared within the PROBES cells whose centres are nearest
    to them, which finds nearly all. (faiss does the same faster, but its OpenMP runtime crashes beside torch's.)
    """
    if not len(left) or not len(right):
        return np.zeros((0, 2), np.int64)
    self_join = left is right
    found = [_most_similar(left, right, *cell, count + self_join, min_cosine) for cell in _cells(left, right)]
    table = pd.DataFrame(np.concatenate([pairs for pairs, _ in found]), columns=["i", "j"])
    table["cosine"] = np.concatenate([cosines for _, cosines in found])
    if self_join:
        table = table[table.i != table.j]
    table = table.sort_values(["i", "cosine", "j"], ascending=[True, False, True])
    pairs = table.groupby("i").head(count)[["i", "j"]].to_numpy(np.int64)
    return np.unique(np.sort(pairs, axis=1) if self_join else pairs, axis=0)


def _cells(left: Vectors, right: Vectors) -> Iterator[tuple[Ints, Ints]]:
    """Ints of `left` and of `right` that are to be compared, cell by cell."""
    if len(right) <= FLAT:
        for begin in range(0, len(left), BLOCK):
            yield np.arange(begin, min(begin + BLOCK, len(left))), np.arange(len(right))
        return
    rng = np.random.default_rng(0)
    centres = right[np.sort(rng.choice(len(right), int(len(right) ** 0.5), replace=False))]
    nearest = _nearest(right, centres, 1)[:, 0]
    members = np.argsort(nearest, kind="stable")
    last = np.cumsum(np.bincount(nearest, minlength=len(centres)))
    probes = _nearest(left, centres, PROBES)
    askers = np.argsort(probes.ravel(), kind="stable") // PROBES
    asked = np.cumsum(np.bincount(probes.ravel(), minlength=len(centres)))
    for cell in range(len(centres)):
        first, begin = (int(ends[cell - 1]) if cell else 0 for ends in (last, asked))
        for part in range(begin, int(asked[cell]), BLOCK):
            yield askers[part : min(part + BLOCK, int(asked[cell]))], members[first : int(last[cell])]


def _nearest(rows: Vectors, centres: Vectors, count: int) -> Ints:
    """The `count` centres nearest to each row, nearest first."""
    nearest = np.empty((len(rows), count), np.int64)
    for begin in range(0, len(rows), BLOCK):
        cosine = rows[begin : begin + BLOCK] @ centres.T
        for n in range(count):  # `count` is small: this is faster than a partition
            best = cosine.argmax(1, keepdims=True)
            nearest[begin : begin + BLOCK, n : n + 1] = best
            np.put_along_axis(cosine, best, -np.inf, 1)
    return nearest


def _most_similar(
    left: Vectors, right: Vectors, rows: Ints, others: Ints, count: int, min_cosine: float
) -> tuple[IndexPairs, NDArray[np.float32]]:
    """Up to `count` of `others` for each of `rows`, and their cosines."""
    cosine = left[rows] @ right[others].T
    if cosine.shape[1] > count:
        best = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        cosine = np.take_along_axis(cosine, best, 1)
    else:
        best = np.broadcast_to(np.arange(cosine.shape[1]), cosine.shape)
    at, place = np.nonzero(cosine >= min_cosine)
    return np.stack([rows[at], others[best[at, place]]], axis=1), cosine[at, place]
