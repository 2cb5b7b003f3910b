"""Fit the histology / not-histology classifier on labelled frames, judged by sources it never saw."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.backbone import features, load_backbone
from stages.common.errors import StageError
from stages.common.files import write_bytes, write_json
from stages.common.histology import HEAD, SPEC
from stages.common.stats import bootstrap
from stages.frame_filter.params import Params


def fit(block: Params, out: Path, metrics: Path, seed: int) -> dict[str, Any]:
    """Read `block.frames`/labels.csv, write the filter to `out` and its cross-validated metrics; return counts."""
    from safetensors.numpy import save
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    table, frames = read_frames(Path(block.frames))
    rows = features(load_backbone(block.backbone, block.weights), frames, block.size)
    truth = (table.label == "histology").to_numpy()
    model = LogisticRegression(C=block.c, class_weight="balanced", max_iter=2000, random_state=seed)
    splits = StratifiedGroupKFold(block.folds, shuffle=True, random_state=seed)
    unseen = cross_val_predict(model, rows, truth, groups=table.source, cv=splits, method="predict_proba")[:, 1]
    threshold = best_threshold(truth, unseen)
    model.fit(rows, truth)
    spec = {"backbone": block.backbone, "weights": block.weights, "size": block.size, "threshold": threshold}
    write_json(out / SPEC, spec)
    head = {"coefficients": model.coef_[0].astype(np.float32), "intercept": model.intercept_.astype(np.float32)}
    write_bytes(out / HEAD, save(head))
    write_json(metrics, measure(table, truth, unseen >= threshold, threshold, seed))
    return {"items": len(table), "sources": int(table.source.nunique()), "threshold": round(threshold, 3)}


def read_frames(folder: Path) -> tuple[pd.DataFrame, list[NDArray[np.uint8]]]:
    """Return labels.csv (file, label, source) of `folder` and its frames as RGB, in the table's order."""
    path = folder / "labels.csv"
    if not path.exists():
        raise StageError(f"{path} not found: list each frame there as file,label,source")
    table = pd.read_csv(path, dtype=str)
    if missing := {"file", "label", "source"} - set(table.columns):
        raise StageError(f"{path}: column '{min(missing)}' is missing")
    frames = []
    for number, (file, label) in enumerate(zip(table.file, table.label, strict=True), start=2):
        if label not in ("histology", "other"):
            raise StageError(f"{path} row {number}: label is '{label}', expected histology or other")
        frame = cv2.imread(str(folder / file), cv2.IMREAD_COLOR_RGB)
        if frame is None:
            raise StageError(f"{path} row {number}: {file} is missing or not an image")
        frames.append(frame)
    return table, frames


def best_threshold(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """The middle of the scores between which balanced accuracy is highest."""
    from sklearn.metrics import balanced_accuracy_score

    cuts = np.unique(np.concatenate([[0.0], scores, [1.0]]))
    middles = (cuts[1:] + cuts[:-1]) / 2
    marks = [balanced_accuracy_score(truth, scores >= middle) for middle in middles]
    best = np.nonzero(np.isclose(marks, max(marks)))[0]
    return float(middles[best[len(best) // 2]])


def measure(
    table: pd.DataFrame, truth: NDArray[np.bool_], found: NDArray[np.bool_], threshold: float, seed: int
) -> dict[str, Any]:
    """Metrics of out-of-fold decisions; the interval resamples sources, not frames."""
    from sklearn.metrics import balanced_accuracy_score

    groups = pd.factorize(table.source)[0]
    right = pd.Series(found == truth)
    by_kind = right.groupby(table.source.str.split("_").str[0].to_numpy()).mean()
    return {
        "frames": len(table),
        "sources": int(groups.max() + 1),
        "threshold": threshold,
        "balanced_accuracy": float(balanced_accuracy_score(truth, found)),
        "balanced_accuracy_interval": bootstrap(
            lambda i: balanced_accuracy_score(truth[i], found[i]), len(table), rounds=200, seed=seed, groups=groups
        ),
        "recall": {"histology": float(right[truth].mean()), "other": float(right[~truth].mean())},
        "accuracy_by_kind": {str(kind): float(share) for kind, share in by_kind.items()},
        "worst_sources": {
            str(k): float(v) for k, v in right.groupby(table.source.to_numpy()).mean().sort_values().head(5).items()
        },
    }
