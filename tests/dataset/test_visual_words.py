"""Pictures that share words: by brute force, and of real alterations."""

import numpy as np
import pandas as pd
import pytest

from stages.common.data.pictures import decode
from stages.common.tables.fingerprints import FEATURE, HANDED
from stages.dataset import words
from stages.dataset.words import COMMON, Features, pictures_with_common_words
from stages.demo.captioned import make
from stages.fingerprints.features import blobs

APART = np.arange(10)
EACH = np.full(10, -1), np.arange(10)


@pytest.fixture(scope="module")
def pictures():
    return [decode(make("pubmed", number, 5).image) for number in range(10)]


@pytest.fixture(scope="module")
def originals(pictures):
    return described(pictures)


def described(pictures):
    return Features.of(pd.Series([blobs(np.ascontiguousarray(one)) for one in pictures]))


def pasted(picture):
    """The picture on one side of a page that is more than twice as large."""
    height, width = picture.shape[:2]
    page = np.full((round(1.4 * height), round(1.8 * width), 3), 235, np.uint8)
    page[40 : 40 + height, 60 : 60 + width] = picture
    return page


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p[: p.shape[0] * 3 // 5, p.shape[1] // 3 :],
        lambda p: np.rot90(p[:, ::-1]),
        lambda p: np.pad(p, ((60, 10), (90, 30), (0, 0)), constant_values=20),
        pasted,
    ],
    ids=["cut", "mirrored and turned", "framed", "pasted"],
)
def test_a_copy_shares_words_with_its_original_alone(pictures, originals, change):
    found = pictures_with_common_words(described([change(one) for one in pictures]), originals, *EACH, jobs=1)
    right = [i for i, j in found if i == j]
    assert len(right) >= 9
    assert len(found) - len(right) <= 1


def test_within_one_side_each_pair_comes_once_and_never_within_a_group(pictures, originals):
    twice = described([*pictures[:3], *(one[::-1] for one in pictures[:3])])
    apart = pictures_with_common_words(twice, twice, np.arange(6), np.arange(6), jobs=2)
    assert apart.tolist() == [[0, 3], [1, 4], [2, 5]]
    groups = np.array([0, 1, 2, 0, 4, 5])
    assert pictures_with_common_words(twice, twice, groups, groups, jobs=1).tolist() == [[1, 4], [2, 5]]
    assert pictures_with_common_words(originals, originals, APART, APART, jobs=1).tolist() == []


def made(rng, count, features=20):
    """Pictures of random features."""
    table = np.zeros(count * features, FEATURE)
    table["word"] = rng.integers(0, 60, len(table)) | HANDED * rng.integers(0, 2, len(table), dtype=np.uint32)
    for name in ("x", "y", "angle"):
        table[name] = rng.integers(0, 256, len(table))
    table["size"] = rng.integers(40, 60, len(table))
    return Features(table, np.repeat(np.arange(count, dtype=np.int32), features))


def by_hand(left, right):
    """Pairs of pictures with a match that VOTES - 1 others agree with, one after the other."""
    found = set()
    for i in np.unique(left.picture):
        for j in np.unique(right.picture):
            one, other = left.table[left.picture == i], right.table[right.picture == j]
            matches = [(a, b) for a in one for b in other if not (a["word"] ^ b["word"]) & ~HANDED]
            if any(sum(agree(first, second) for second in matches) >= words.VOTES - 1 for first in matches):
                found.add((int(i), int(j)))
    return found


def agree(first, second):
    (a, b), (c, d) = ([{name: int(f[name]) for name in FEATURE.names} for f in pair] for pair in (first, second))
    mirrored = [bool((p["word"] ^ q["word"]) & int(HANDED)) for p, q in ((a, b), (c, d))]
    turns = [
        (q["angle"] - (128 - p["angle"] if m else p["angle"])) % 256
        for (p, q), m in zip(((a, b), (c, d)), mirrored, strict=True)
    ]
    scales = [q["size"] - p["size"] for p, q in ((a, b), (c, d))]
    apart = min((turns[0] - turns[1]) % 256, (turns[1] - turns[0]) % 256)
    before = complex((c["x"] - a["x"]) * (-1 if mirrored[0] else 1), c["y"] - a["y"])
    after = complex(d["x"] - b["x"], d["y"] - b["y"])
    moved = before * np.exp(2j * np.pi * turns[0] / 256) * 2 ** (scales[0] / 16)
    return (
        mirrored[0] == mirrored[1]
        and apart <= words.TURNED
        and abs(scales[0] - scales[1]) <= words.SCALED
        and min(abs(before), abs(after)) >= words.APART
        and abs(moved - after) <= words.OFF * abs(after) + words.SLACK
    )


def test_it_finds_what_a_comparison_of_all_with_all_finds(monkeypatch):
    rng = np.random.default_rng(5)
    left, right = made(rng, 20), made(rng, 20)
    right.table[:100] = left.table[:100]
    monkeypatch.setattr(words, "HEARD", 1000)
    monkeypatch.setattr(words, "BUDGET", 500)  # many parts
    monkeypatch.setattr(words, "PART", 300)
    sides = np.full(20, -1), np.arange(20)
    found = pictures_with_common_words(left, right, *sides, jobs=2, common=20, count=20)
    assert {tuple(pair) for pair in found.tolist()} == by_hand(left, right)
    assert len(found) >= 5


def test_what_too_many_groups_have_says_nothing():
    rng = np.random.default_rng(1)
    one = made(rng, 1)
    count = COMMON + 1
    same = Features(np.tile(one.table, count), np.repeat(np.arange(count, dtype=np.int32), len(one.table)))
    assert len(pictures_with_common_words(same, same, np.arange(count), np.arange(count), jobs=1)) == 0
    pairs = np.arange(count) // 2  # half as many groups
    assert len(pictures_with_common_words(same, same, pairs, pairs, jobs=1)) > 0


def test_pictures_without_features_are_like_nothing():
    empty = Features.of(pd.Series([b"", b""], dtype=object))
    none = Features.of(pd.Series([], dtype=object))
    two, no = np.arange(2), np.arange(0)
    for left, right, groups in ((empty, empty, (two, two)), (none, none, (no, no)), (none, empty, (no, two))):
        assert pictures_with_common_words(left, right, *groups, jobs=1).shape == (0, 2)
