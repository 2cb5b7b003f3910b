"""Pictures that share visual words, at a million pictures: an inverted file, and votes for one common move (a Hough
transform)."""

import functools
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.arrays import Ints
from stages.common.tables.fingerprints import FEATURE, HANDED, STEPS, TURN
from stages.dataset.neighbours import IndexPairs

COMMON = 32  # groups: a word that more of them have says nothing, such as one of a letter or a logo
VOTES = 2  # features that agree on how one picture moved to become the other
NEIGHBOURS = 10  # pictures that share most with one
HEARD = 32  # matches of two pictures that are looked at
BUDGET = 1 << 22  # matches held at a time
PART, SAMPLE = 1 << 22, 100_000  # features sorted at a time; words of which are looked at to part them evenly
ROW = np.uint64(32)  # bits of a row number, the lower half of a key whose upper half is a word
TURNED, SCALED = TURN // 16, STEPS // 2  # by how much angles and sizes of features that agree may differ
OFF, SLACK = 0.25, 4.0  # how far off one lies from where another one expects it: share of the way, and units besides
APART = 6.0  # units between two features that count as two


@dataclass(frozen=True)
class Features:
    """Features of all pictures, and the number of the picture of each."""

    table: NDArray[np.void]
    picture: NDArray[np.int32]

    @classmethod
    def of(cls, column: pd.Series) -> "Features":
        """Of a column of stages.fingerprints."""
        counts = column.str.len().to_numpy(np.int64) // FEATURE.itemsize
        return cls.counted(np.frombuffer(b"".join(column), FEATURE), counts)

    @classmethod
    def counted(cls, table: NDArray[np.void], counts: Ints) -> "Features":
        """Of a table in which `counts` follow each other, so many of each picture."""
        return cls(table, np.repeat(np.arange(len(counts), dtype=np.int32), counts))

    def take(self, rows: Ints | NDArray[np.uint32]) -> "Features":
        """Some of them."""
        return Features(self.table[rows], self.picture[rows])

    def parts(self) -> Iterator["Features"]:
        """In parts of about PART features, each picture's in one of them."""
        ends = _ends(self.picture)
        last = ends[np.flatnonzero(np.diff((ends - 1) // PART, append=-1))].tolist()
        for begin, end in itertools.pairwise([0, *last]):
            yield Features(self.table[begin:end], self.picture[begin:end])

    @property
    def words(self) -> NDArray[np.uint32]:
        """Words, the same for mirror images."""
        return self.table["word"] & ~HANDED


def pictures_with_common_words(
    left: Features,
    right: Features,
    left_groups: Ints,
    right_groups: Ints,
    jobs: int,
    *,
    common: int = COMMON,
    count: int = NEIGHBOURS,
    least: int = VOTES,
) -> IndexPairs:
    """Return (n, 2), sorted, pictures (i, j) of different groups, `least` of whose features have the same words and
    agree on one shift, turn, scale and mirroring; of each i the `count` with most votes. Where `left` is `right`,
    i < j.

    Words of more than `common` groups of `right` are left out.
    """
    self_join = left is right
    file = _InvertedFile.of(right, right_groups, 2 if self_join else 1, common)
    if self_join:
        asked, file = file.asked()
        sides = iter([(asked, *file.later())])
    else:
        sides = ((part, *file.runs(part.words)) for part in left.parts())
    found = [np.zeros((0, 3), np.int64)]
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for asking, first, size in sides:
            look = functools.partial(_look, file.features, left_groups, right_groups, least, asking, first, size)
            found += pool.map(look, _parts(asking.picture, size))
    table = pd.DataFrame(np.concatenate(found), columns=["i", "j", "votes"])
    table = table.sort_values(["i", "votes", "j"], ascending=[True, False, True])
    return np.unique(table.groupby("i").head(count)[["i", "j"]].to_numpy(np.int64), axis=0)


def _look(
    right: Features,
    left_groups: Ints,
    right_groups: Ints,
    least: int,
    left: Features,
    first: NDArray[np.uint32],
    size: NDArray[np.uint32],
    part: slice,
) -> IndexPairs:
    """What `_voted` finds for a part of `left`; `first` and `size` are the runs of its features in `right`."""
    a, b = _expanded(first[part].astype(np.int64), size[part].astype(np.int64))
    a += part.start
    i, j = left.picture[a], right.picture[b]
    across = left_groups[i] != right_groups[j]
    pictures = i[across].astype(np.int64), j[across].astype(np.int64)
    return _voted(left, right, a[across], b[across], *pictures, least)


@dataclass(frozen=True)
class _InvertedFile:
    """Features in order of their words, those whose word too many groups have left out."""

    features: Features
    rows: NDArray[np.uint32]  # of each feature, before it came here
    words: NDArray[np.uint32]  # each once
    first: Ints  # place of each word's first feature; one more number says where the last ones end

    @classmethod
    def of(cls, features: Features, groups: Ints, least: int, most: int) -> "_InvertedFile":
        """Of words that at least `least` and at most `most` groups have."""
        words = features.words
        parts = [
            _shared(words[rows], groups[features.picture[rows]], rows, least, most) for rows in _by_word(words, PART)
        ]
        rows, known, sizes = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(features.take(rows), rows, known, np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]))

    def asked(self) -> tuple[Features, "_InvertedFile"]:
        """The features it holds as they were ordered before, to be looked up in it, and the file with their rows."""
        order = np.argsort(self.rows)
        rows = np.empty_like(self.rows)
        rows[order] = np.arange(len(rows), dtype=np.uint32)
        return self.features.take(order), replace(self, rows=rows)

    def later(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """For each of the features that it holds, where those with its word begin that come after it, and how many
        there are."""
        first, size = (np.empty(len(self.rows), np.uint32) for _ in range(2))
        first[self.rows] = np.arange(1, len(self.rows) + 1, dtype=np.uint32)
        size[self.rows] = np.repeat(self.first[1:].astype(np.uint32), np.diff(self.first)) - first[self.rows]
        return first, size

    def runs(self, words: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Where the features with each of `words` begin, and how many there are."""
        first, size = np.zeros(len(words), np.uint32), np.zeros(len(words), np.uint32)
        if not len(self.words):
            return first, size
        keys = np.sort(words.astype(np.uint64) << ROW | np.arange(len(words), dtype=np.uint64))
        asked = (keys >> ROW).astype(np.uint32)  # in order, so that memory is read in sequence
        place = np.minimum(np.searchsorted(self.words, asked), len(self.words) - 1)
        rows = keys.astype(np.uint32)
        first[rows] = self.first[place]
        size[rows] = np.where(self.words[place] == asked, np.diff(self.first)[place], 0)
        return first, size


def _by_word(words: NDArray[np.uint32], most: int) -> Iterator[NDArray[np.uint32]]:
    """Rows of `words` in parts of about `most`: all rows with one word in one part, parts in order of their words."""
    sample = words[:: max(1, len(words) // SAMPLE)]
    steps = np.linspace(0, 1, len(words) // most + 2)[1:-1]
    bounds = np.unique(np.quantile(sample, steps, method="nearest")) if len(steps) else sample[:0]
    for low, high in itertools.pairwise([None, *bounds, None]):
        chosen = np.ones(len(words), bool) if low is None else words >= low
        if high is not None:
            chosen &= words < high
        yield np.flatnonzero(chosen).astype(np.uint32)


def _shared(
    words: NDArray[np.uint32], groups: Ints, rows: NDArray[np.uint32], least: int, most: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
    """Of features with these words, groups and rows, those whose word at least `least` and at most `most` groups have:
    rows in order of their words, each word once, and how many rows it has."""
    keys = words.astype(np.uint64) << ROW
    owners = np.sort(keys | groups.astype(np.uint64))
    keys |= rows
    keys.sort()  # no two are equal, so any sort gives one order
    known = (keys >> ROW).astype(np.uint32)
    begin = np.flatnonzero(np.diff(known, prepend=known[:1] + np.uint32(1)))
    other = np.diff(owners, prepend=owners[:1] + np.uint64(1)) != 0  # the first feature of a word in a group
    had = np.add.reduceat(other, begin, dtype=np.int32) if len(begin) else begin
    kept = (had >= least) & (had <= most)
    sizes = np.diff(begin, append=len(keys))
    return keys[np.repeat(kept, sizes)].astype(np.uint32), known[begin[kept]], sizes[kept].astype(np.uint32)


def _parts(picture: NDArray[np.int32], size: NDArray[np.uint32]) -> list[slice]:
    """Divide features, which are in order of `picture`, into parts that have BUDGET matches or one picture each."""
    ends = _ends(picture)
    work = np.cumsum(size, dtype=np.int64)[ends - 1] // BUDGET
    bounds = [0, *ends[np.flatnonzero(np.diff(work, append=-1))].tolist()]
    return [slice(begin, end) for begin, end in itertools.pairwise(bounds)]


def _ends(picture: NDArray[np.int32]) -> Ints:
    """Where the features of each picture end."""
    return np.flatnonzero(np.append(picture[1:] != picture[:-1], len(picture) > 0)) + 1


def _expanded(first: Ints, size: Ints) -> tuple[Ints, Ints]:
    """For each run of places: its number, and the place, one by one."""
    number = np.repeat(np.arange(len(size)), size)
    return number, np.arange(len(number)) + np.repeat(first - np.cumsum(size) + size, size)


def _voted(left: Features, right: Features, a: Ints, b: Ints, i: Ints, j: Ints, least: int) -> IndexPairs:
    """(n, 3) pictures and how many of their matches agree, at least `least` (2 or more); features a[n] and b[n] of
    pictures i[n] and j[n] match."""
    lowest, bits = int(i.min()) if len(i) else 0, (int(j.max(initial=0)).bit_length(), len(a).bit_length())
    keys = (((i - lowest) << bits[0] | j) << bits[1]) | np.arange(len(a))
    keys.sort()
    same = (keys[1:] ^ keys[:-1]) >> bits[1] == 0
    keys = keys[(np.append(same, False) | np.append(False, same))[: len(keys)]]  # most pairs of pictures have one match
    pairs, order = keys >> bits[1], keys & ((1 << bits[1]) - 1)
    begin = np.flatnonzero(np.diff(pairs, prepend=-1))
    size = np.diff(begin, append=len(pairs))
    begin, size = begin[size >= least], np.minimum(size[size >= least], HEARD)
    run, place = _expanded(begin, size)
    rows = order[place]
    votes = _votes(_Moves.of(left.table[a[rows]], right.table[b[rows]]), run, size)
    found = pairs[begin[votes >= least]]
    return np.stack([(found >> bits[0]) + lowest, found & ((1 << bits[0]) - 1), votes[votes >= least]], axis=1)


def _votes(moves: "_Moves", run: Ints, size: Ints) -> Ints:
    """Of each run of moves, which has `size`, how many at most agree with one of them."""
    start = (np.cumsum(size) - size)[run]
    own = np.arange(len(run)) - start
    votes = np.ones(len(run), np.int64)
    for step in range(1, int(size.max(initial=1))):
        rest = np.flatnonzero(size[run] > step)
        others = start[rest] + (own[rest] + step) % size[run[rest]]
        votes[rest] += moves.agree(rest, others.astype(np.int64))
    return np.maximum.reduceat(votes, np.cumsum(size) - size) if len(size) else votes


@dataclass(frozen=True)
class _Moves:
    """How features of one picture became those of another: where from, where to, mirrored or not, turn and scale."""

    start: NDArray[np.float32]  # (n, 2)
    end: NDArray[np.float32]
    mirrored: NDArray[np.bool_]
    turn: Ints
    scale: Ints  # STEPS an octave

    @classmethod
    def of(cls, left: NDArray[np.void], right: NDArray[np.void]) -> "_Moves":
        """A picture that is mirrored is so from left to right, before it is turned."""
        mirrored = ((left["word"] ^ right["word"]) & HANDED) > 0
        angle = left["angle"].astype(np.int64)
        turn = right["angle"] - np.where(mirrored, TURN // 2 - angle, angle)
        start, end = (np.stack([one["x"], one["y"]], axis=1).astype(np.float32) for one in (left, right))
        start[mirrored, 0] *= -1
        return cls(start, end, mirrored, turn % TURN, right["size"].astype(np.int64) - left["size"])

    def agree(self, one: Ints, other: Ints) -> NDArray[np.bool_]:
        """Whether each move of `one` takes what `other` starts from to where that ends."""
        apart = self.turn[one] - self.turn[other]
        same = (apart + TURNED) % TURN <= 2 * TURNED
        same &= self.mirrored[one] == self.mirrored[other]
        same &= np.abs(self.scale[one] - self.scale[other]) <= SCALED
        before, after = self.start[other] - self.start[one], self.end[other] - self.end[one]
        angle = self.turn[one] * np.float32(2 * np.pi / TURN)
        scale = np.exp2(self.scale[one] / np.float32(STEPS))
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        moved = np.stack([before[:, 0] * cos - before[:, 1] * sin, before[:, 0] * sin + before[:, 1] * cos], axis=1)
        length = np.hypot(*after.T)
        same &= (length >= APART) & (np.hypot(*before.T) >= APART)
        return same & (np.hypot(*(moved - after).T) <= OFF * length + SLACK)
