"""Near duplicates: exact where exactness is promised, by brute force."""

import numpy as np
import pytest

from stages.dataset.neighbours import FLAT, hamming_pairs, nearest_neighbours


def hashes(seed, count, width=32):
    return np.random.default_rng(seed).integers(0, 256, (count, width), dtype=np.uint8)


def flipped(rows, seed, most):
    """Each row with up to `most` bits flipped, the first with just so many."""
    rng = np.random.default_rng(seed)
    out = np.unpackbits(rows, axis=1)
    for n, row in enumerate(out):
        row[rng.choice(out.shape[1], most if n == 0 else rng.integers(most + 1), replace=False)] ^= 1
    return np.packbits(out, axis=1)


def brute(left, right, bits):
    distance = np.bitwise_count(left[:, None] ^ right[None]).sum(-1, dtype=np.int32)
    return np.argwhere(distance <= bits)


@pytest.mark.parametrize("bits", [0, 5, 24, 25, 40])
def test_near_finds_all_and_only_what_a_full_comparison_finds(bits):
    left = hashes(0, 700)
    right = np.concatenate([flipped(left[:300], 1, bits), flipped(left[:300], 2, bits + 12), hashes(3, 200)])
    found = hamming_pairs(left, right, bits)
    assert np.array_equal(found, brute(left, right, bits))
    assert len(found) >= 300
    both = np.concatenate([left, right])
    pairs = brute(both, both, bits)
    assert np.array_equal(hamming_pairs(both, both, bits), pairs[pairs[:, 0] < pairs[:, 1]])


@pytest.mark.parametrize("bits", [0, 10])
def test_equal_hashes_are_near_each_other_and_what_is_near_to_one(bits):
    few = hashes(4, 20)
    left = np.concatenate([few, few[:3], few[:3], np.repeat(few[:1], 60, axis=0), flipped(few[:5], 5, 3)])
    right = np.concatenate([few[10:], few[:1], few[:1], hashes(6, 5)])
    assert np.array_equal(hamming_pairs(left, right, bits), brute(left, right, bits))
    pairs = brute(left, left, bits)
    assert np.array_equal(hamming_pairs(left, left, bits), pairs[pairs[:, 0] < pairs[:, 1]])


def test_nothing_is_near_nothing():
    assert hamming_pairs(hashes(0, 0), hashes(0, 5), 24).shape == (0, 2)
    assert nearest_neighbours(np.zeros((0, 8), np.float32), np.eye(8, dtype=np.float32), 3, 0.5).shape == (0, 2)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_alike_is_the_nearest_above_the_threshold():
    rng = np.random.default_rng(0)
    left, right = unit(rng.standard_normal((60, 16))), unit(rng.standard_normal((90, 16)))
    cosine = left @ right.T
    best = np.argsort(-cosine, axis=1)[:, :3]
    expected = sorted((i, int(j)) for i in range(60) for j in best[i] if cosine[i, j] >= 0.4)
    assert nearest_neighbours(left, right, 3, 0.4).tolist() == [list(pair) for pair in expected]
    own = nearest_neighbours(left, left, 2, 0.3)
    assert (own[:, 0] < own[:, 1]).all()


def test_alike_beyond_what_is_compared_in_full_finds_nearly_all():
    rng = np.random.default_rng(1)
    rows = unit(rng.standard_normal((FLAT + 2000, 32)))
    copies = unit(rows[:500] + 0.05 * rng.standard_normal((500, 32)))
    found = {tuple(pair) for pair in nearest_neighbours(copies, rows, 1, 0.8).tolist()}
    assert sum((n, n) in found for n in range(500)) >= 495
