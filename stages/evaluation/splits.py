"""Group-wise splits: which images a linear probe learns from, chooses by and is tested on. Near copies are a group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.arrays import Ints, Vectors
from stages.evaluation.sets import Labelled

NEAR_COPY = 0.85  # cosine of two vectors, less the mean of their class, from which two images are taken for copies
SAMPLE = 1000  # images whose cosines with all others are counted
STEPS = 200  # between cosines of -1 and 1
VALLEY, EMPTY = 10, 0.01  # steps of a valley at least, and pairs in each at most, as a share of those beyond it
ORIGINALS = 10  # of a class at least, where a valley is to tell copies from others
FOLDS = 4  # of a cross-validation; a class needs as many groups
MANY = 5000  # images from which one fold in four is held out instead
BLOCK = 512  # images compared with all others at once


@dataclass(frozen=True)
class Sides:
    """Numbers of images to learn from, to choose by (none where there is no official validation split) and to test on;
    `group` (n,) of all images, None where each is its own. `copied` is the share of test images that have a near copy
    to learn from."""

    train: Ints
    validation: Ints
    test: Ints
    group: Ints | None
    copied: float


def divide(evalset: Labelled, seed: int) -> Sides:
    """The official sides of a set; halves where there are none, by class and group.

    Where neither the loader nor the protocol knows groups, near copies are one group: sets such as LC25000 are made of
    turned copies of a few originals, and do not say which.
    """
    train, validation, test = (evalset.rows_of(name) for name in ("train", "validation", "test"))
    group, rest = evalset.group, _less_class(evalset.image, evalset.label)
    least = least_cosine(rest)
    if not (evalset.table.split == "train").any():
        if group is None:
            group = near_copies(rest, least)
        if least < NEAR_COPY and fewest_groups(evalset.label, group) < ORIGINALS:  # kinds of tissue rather than copies
            least, group = NEAR_COPY, near_copies(rest) if evalset.group is None else group
        train, test = _halves(evalset.label, group, seed)
        validation = train[:0]
    copied = np.concatenate([[False], *(near.any(1) for near in _near(rest[test], rest[train], least))])[1:]
    return Sides(train, validation, test, group, float(copied.mean()) if len(test) else 0.0)


def why_unmeasured(sides: Sides, label: Ints) -> str:
    """Why no classifier can be learned from a set's images and tested on them; "" where one can."""
    if not len(sides.train) and not len(sides.test):
        return "a class has a single image, or group of images, which cannot be on both sides"
    if not len(sides.test):
        return "no image is on the side that is tested on"
    return "fewer than two classes are on the side that is learned from" if np.ptp(label[sides.train]) == 0 else ""


def _less_class(image: Vectors, label: Ints) -> Vectors:
    """Vectors less the mean of their class: how alike all images of a class are differs between models."""
    rest: Vectors = image - pd.DataFrame(image).groupby(label).transform("mean").to_numpy()
    return rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-12)


def _near(some: Vectors, others: Vectors, least: float) -> Iterator[NDArray[np.bool_]]:
    """In blocks, which of `others` each of `some` is a near copy of."""
    for begin in range(0, len(some), BLOCK):
        yield some[begin : begin + BLOCK] @ others.T >= least


def least_cosine(rest: Vectors) -> float:
    """The cosine from which two images are taken for copies: NEAR_COPY, or the middle of a valley below it.

    How alike a model finds copies depends on the model and on how they were changed. Where most images have one, their
    cosines are a hump of their own, and hardly any pair lies between it and all others.
    """
    rows = np.unique(np.linspace(0, len(rest) - 1, min(SAMPLE, len(rest))).astype(int))
    counts, nearest = np.zeros(STEPS), []
    for begin in range(0, len(rows), BLOCK):
        block = rows[begin : begin + BLOCK]
        cosines = rest[block] @ rest.T
        cosines[np.arange(len(block)), block] = -2  # of an image with itself
        counts += np.histogram(cosines, STEPS, (-1, 1))[0]
        nearest.append(cosines.max(1))
    steps = np.linspace(-1, 1, STEPS + 1)
    for end in range(round((NEAR_COPY + 1) * STEPS / 2), VALLEY, -1):
        if (np.concatenate(nearest) >= steps[end]).mean() > 0.5:
            beyond = counts[end:].sum()
            begin = np.flatnonzero(np.append(beyond + 1, counts[:end]) > EMPTY * beyond)[-1]
            if end - begin >= VALLEY and counts[:begin].sum() > beyond:
                return float(steps[(begin + end) // 2])
    return NEAR_COPY


def near_copies(rest: Vectors, least: float = NEAR_COPY) -> Ints | None:
    """(n,) numbers of groups of images whose vectors are nearly the same, in chains of near neighbours; None where no
    two are."""
    from scipy.sparse import csr_array, vstack
    from scipy.sparse.csgraph import connected_components

    graph = vstack([csr_array(near) for near in _near(rest, rest, least)])
    count, found = connected_components(graph, directed=False)
    return found.astype(np.int64) if count < len(rest) else None


def _halves(label: Ints, group: Ints | None, seed: int) -> tuple[Ints, Ints]:
    from sklearn.model_selection import StratifiedGroupKFold, train_test_split

    rows = np.arange(len(label))
    if fewest_groups(label, group) < 2:
        return rows[:0], rows[:0]
    if group is None:
        train, test = train_test_split(rows, test_size=0.5, stratify=label, random_state=seed)
        return np.sort(train), np.sort(test)
    halves = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
    train, test = next(halves.split(rows, label, group))
    return train, test


def fewest_groups(label: Ints, group: Ints | None) -> int:
    """The number of groups, or else images, of the class that has the fewest."""
    owners = np.arange(len(label)) if group is None else group
    return int(pd.DataFrame({"label": label, "group": owners}).groupby("label").group.nunique().min())


def draw(train: Ints, label: Ints, fraction: float, rng: np.random.Generator) -> Ints:
    """The same share of each class, at least one image per class."""
    parts = []
    for name in np.unique(label[train]):
        rows = train[label[train] == name]
        parts.append(rng.choice(rows, max(1, round(fraction * len(rows))), replace=False))
    return np.sort(np.concatenate(parts))


def folds(picked: Ints, sides: Sides, label: Ints, seed: int) -> Sequence[tuple[Ints, Ints]]:
    """Pairs of images to fit on and images to choose by: the official validation split, or a cross-validation of what
    was drawn; none where a class has too few groups for one."""
    from sklearn.model_selection import StratifiedGroupKFold

    if len(sides.validation):
        return [(picked, sides.validation)]
    group = None if sides.group is None else sides.group[picked]
    if fewest_groups(label[picked], group) < FOLDS:
        return []
    owners = np.arange(len(picked)) if group is None else group
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(picked, label[picked], owners)
    found = [(picked[fit], picked[check]) for fit, check in split]
    return found if len(picked) <= MANY else found[:1]
