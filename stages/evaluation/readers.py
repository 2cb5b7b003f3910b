"""Models beside human readers of the same images (the paper's open question)."""

import functools
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.common.data.arrays import Ints
from stages.common.errors import StageError
from stages.common.evalsets.listing import read_listing
from stages.common.evalsets.protocol import Evalset
from stages.common.stats import PairedBootstrap, difference
from stages.evaluation.zero_shot import Predictions

COLUMNS = ("image", "reader", "label")


def compare_readers(path: Path, predictions: Predictions, evalset: Evalset, rounds: int, seed: int) -> dict[str, Any]:
    """Return {reader: {images, accuracy, kappa, MODEL: {accuracy, kappa, difference}}} for a CSV of human labels.

    `path` has the columns image (below its own folder), reader and label (as the set's files have them). Kappa is
    Cohen's, against the set's labels, None where reader and labels know one class alone; a difference is the model's
    accuracy less the reader's on the images that the reader labelled, with its paired interval. An image counts once
    for each reader. Raises StageError for an image or label that the set does not have, and for two labels of an image.
    """
    table, known = read_labels(path, predictions, evalset), {name: n for n, name in enumerate(predictions.paths)}
    codes = {code: number for number, code in enumerate(evalset.classes)}
    result: dict[str, Any] = {}
    for reader, rows in table.groupby("reader"):
        chosen = np.array([known[(path.parent / image).as_posix()] for image in rows.image])
        truth, labels = predictions.truth[chosen], rows.label.map(codes).to_numpy(np.int64)
        group = None if predictions.group is None else predictions.group[chosen]
        right = [(found == truth).astype(np.int64) for found in (labels, *_of(predictions, chosen))]
        drawn = PairedBootstrap(right, rounds, seed, group)
        human = drawn.share(0)
        facts: dict[str, Any] = {"images": len(chosen), **human.metrics("accuracy"), "kappa": _kappa(truth, labels)}
        for number, (model, predicted) in enumerate(predictions.predicted.items(), start=1):
            own = drawn.share(number)
            facts[model] = {
                **own.metrics("accuracy"),
                "kappa": _kappa(truth, predicted[chosen]),
                **difference(own, human).metrics("difference"),
            }
        result[str(reader)] = facts
    return result


def read_labels(path: Path, predictions: Predictions, evalset: Evalset) -> pd.DataFrame:
    """The labels of `path`, equal rows once."""
    if not path.exists():
        raise StageError(f"{path} not found: evalsets.*.readers names it in the protocol")
    table = read_listing(path, functools.partial(pd.read_csv, dtype=str, keep_default_na=False), COLUMNS)
    table["label"] = table.label.replace(evalset.merged)
    table["image"] = [Path(image).as_posix() for image in table.image]  # ./1.png is 1.png
    known, said = set(predictions.paths), dict[tuple[str, str], tuple[int, str]]()
    for number, (image, reader, label) in enumerate(table[list(COLUMNS)].itertuples(index=False), start=2):
        place = (path.parent / image).as_posix()
        if place not in known:
            raise StageError(f"{path}: row {number}: {image} is not a measured image of the set")
        if label not in evalset.classes:
            raise StageError(f"{path}: row {number}: label '{label}' is none of {', '.join(evalset.classes)}")
        before, other = said.setdefault((reader, place), (number, label))
        if other != label:
            raise StageError(
                f"{path}: row {number}: {reader} labels {image} as '{label}', in row {before} as '{other}': keep one"
            )
    return table.drop_duplicates(["reader", "image"])


def _of(predictions: Predictions, chosen: Ints) -> list[Ints]:
    return [found[chosen] for found in predictions.predicted.values()]


def _kappa(truth: Ints, labels: Ints) -> float | None:
    from sklearn.metrics import cohen_kappa_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a division by zero, where there is one class
        kappa = float(cohen_kappa_score(truth, labels))
    return None if math.isnan(kappa) else kappa
