"""How well the fitted filter does on a folder of labelled frames that it has not learned from."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.errors import StageError
from stages.common.frame_filter.classifier import load_filter
from stages.common.stats import bootstrap
from stages.frame_filter.labels import LABELS, read_labels

KIND = "kind"  # a column that labels.csv may have: what a frame shows
ROUNDS = 1000
FLAGGED = 0.5  # probability from which dataset.flags drops an image


def score(folder: Path, model: Path, device: str, seed: int) -> dict[str, Any]:
    """Print how well the filter in `model` tells the frames of `folder` apart, in all and by kind, and how often each
    flag fires where it should; return the counts. Intervals resample sources.

    Raises StageError where labels.csv is wrong or has frames of one label only.
    """
    from sklearn.metrics import roc_auc_score

    table, frames = read_labels(folder, more_columns=(KIND,))
    if missing := set(LABELS) - set(table.label):
        raise StageError(f"{folder}/labels.csv: no frame is labelled {min(missing)}: label some of both")
    frame_filter = load_filter(model, device)
    predicted = frame_filter.predict(frames)
    scores, truth = predicted.histology, (table.label == LABELS[0]).to_numpy()
    kept = scores >= frame_filter.threshold
    measures = {
        "balanced accuracy": lambda rows: (_share(kept[rows][truth[rows]]) + _share(~kept[rows][~truth[rows]])) / 2,
        "recall": lambda rows: _share(kept[rows][truth[rows]]),
        "specificity": lambda rows: _share(~kept[rows][~truth[rows]]),
        "AUROC": lambda rows: roc_auc_score(truth[rows], scores[rows]) if 0 < truth[rows].mean() < 1 else np.nan,
    }
    groups = pd.factorize(table.source)[0]
    for name, measure in measures.items():
        low, high = bootstrap(measure, len(table), rounds=ROUNDS, seed=seed, groups=groups)
        print(f"{name:18s} {measure(np.arange(len(table))):.3f} ({low:.3f} to {high:.3f})")
    by_kind = table.assign(kept=kept, frames=1).groupby(["label", KIND if KIND in table else "source"])
    print(by_kind[["frames", "kept"]].sum().to_string())
    for name, found in predicted.flags.items():
        shown, clear = (table[name] == 1).to_numpy(), (table[name] == 0).to_numpy()
        if shown.any():
            seen = found >= FLAGGED
            print(
                f"flag {name}: found in {int(seen[shown].sum())} of {int(shown.sum())} frames that show it, "
                f"and in {int(seen[clear].sum())} of {int(clear.sum())} that do not"
            )
    return {"items": len(table), "kept": int(kept.sum())}


def _share(right: NDArray[np.bool_]) -> float:
    """The share of `right`, NaN of none: sources that were drawn may all be of one label."""
    return float(right.mean()) if len(right) else np.nan
