"""Models beside human readers of the same images (the paper's open question)."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.common.errors import StageError
from stages.common.evalsets.protocol import Evalset
from stages.common.stats import Resampled, described
from stages.evaluation.zero_shot import Decided

COLUMNS = ("image", "reader", "label")


def compare(path: Path, one: Decided, evalset: Evalset, rounds: int, seed: int) -> dict[str, Any]:
    """Return {reader: {images, accuracy, kappa, MODEL: {accuracy, kappa, difference}}} for a CSV of human labels.

    `path` has the columns image (below its own folder), reader and label (as the set's files have them). Kappa is
    Cohen's, with the truth; a difference is the model's accuracy less the reader's on the images the reader saw, with
    its paired interval. Raises StageError for an image or label that the set does not have.
    """
    from sklearn.metrics import cohen_kappa_score

    if not path.exists():
        raise StageError(f"{path} not found: evalsets.*.readers names it in the protocol")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    known = {name: number for number, name in enumerate(one.paths)}
    codes = {code: number for number, code in enumerate(evalset.classes)}
    for number, (image, label) in enumerate(zip(table.image, table.label, strict=True), start=2):
        if (path.parent / image).as_posix() not in known:
            raise StageError(f"{path}: row {number}: {image} is no measured image of the set")
        if label not in codes:
            raise StageError(f"{path}: row {number}: label '{label}' is none of {', '.join(codes)}")
    result: dict[str, Any] = {}
    for reader, rows in table.groupby("reader"):
        seen = np.array([known[(path.parent / image).as_posix()] for image in rows.image])
        truth, said = one.truth[seen], rows.label.map(codes).to_numpy(np.int64)
        facts: dict[str, Any] = {
            "images": len(seen),
            "accuracy": float((said == truth).mean()),
            "kappa": float(cohen_kappa_score(truth, said)),
        }
        for model, found in one.found.items():
            right = Resampled([(found[seen] == truth).astype(np.int64), (said == truth).astype(np.int64)], rounds, seed)
            facts[model] = {
                "accuracy": float(right.mean(0)[0]),
                "kappa": float(cohen_kappa_score(truth, found[seen])),
                **described("difference", right.mean(0) - right.mean(1)),
            }
        result[str(reader)] = facts
    return result
