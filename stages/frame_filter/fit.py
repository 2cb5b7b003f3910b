"""Fit the frame filter on labelled frames, scored by cross-validation on sources it never saw."""

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.arrays import Picture
from stages.common.data.files import sha256, write_bytes, write_json
from stages.common.errors import StageError
from stages.common.frame_filter.classifier import HEADS, HISTOLOGY
from stages.common.frame_filter.prediction import FLAGS
from stages.common.models.backbone import Backbone
from stages.common.models.weights import is_local, locate
from stages.common.stats import bootstrap
from stages.common.tables.frame_filter import FILTER_SPEC, FilterSpec
from stages.frame_filter.labels import LABELS, read_labels
from stages.frame_filter.params import Params

# Share of unseen histology that the threshold keeps at least: what the filter loses is lost, what it keeps wrongly
# meets other checks.
LEAST_KEPT = 0.95
FEWEST = 2  # frames of a label: one to learn from and one to be scored on

log = logging.getLogger(__name__)

Rows = NDArray[np.float32]
Truth = NDArray[np.bool_]
Weights = NDArray[np.float64]
Scores = NDArray[np.float64]

STAIN, LIGHT = 0.4, 0.15  # deviation of the log strength per colour: of a stain, and of a camera's colours
SMALLEST = 0.5  # share of the sides that a part has at least


def fit(params: Params, out: Path, metrics: Path, seed: int, device: str) -> dict[str, Any]:
    """Read `params.frames`, write the filter to `out` and its cross-validated metrics; return counts."""
    from safetensors.numpy import save

    table, frames = read_labels(Path(params.frames), params.more_flags)
    for label in LABELS:
        if (count := int((table.label == label).sum())) < FEWEST:
            raise StageError(
                f"{params.frames}/labels.csv: {count} frames are labelled {label}, {FEWEST} are the least: label more"
            )
    backbone = Backbone(params.backbone, params.weights, params.size, device)
    rows = backbone.features(frames)
    truth = (table.label == "histology").to_numpy()
    varied = np.array([backbone.features(images) for images in variations(frames, truth, params, seed)])
    varied = varied.reshape(params.variations, *rows.shape)
    weights = even_weights(truth, table.source.str.split("_").str[0].to_numpy())
    trainer = Trainer(rows, varied, truth, weights, params.regularization_c, seed)
    unseen = trainer.cross_validate(table.source.to_numpy(), params.folds)
    left_out = trainer.leave_out(table.source, params.leave_out)
    threshold, found = scored(table, truth, unseen, left_out, seed)
    heads = {HISTOLOGY: trainer.head()}
    found["flags"] = {}
    for flag in (*FLAGS, *params.more_flags):
        if known := _taught(table, flag):
            shown = table[flag].to_numpy()[known] == 1
            none = np.zeros((0, 0, 0), np.float32)  # no variations: another part of the frame may not show the flag
            own = Trainer(rows[known], none, shown, even_weights(shown, shown), params.regularization_c, seed)
            heads[flag] = own.head()
            found["flags"][flag] = own.score(table.source.to_numpy()[known], params.folds)
        elif flag in params.more_flags:
            raise StageError(
                f"{params.frames}/labels.csv: too few frames say something of '{flag}', which frame_filter.more_flags "
                "names: label 1 in two sources and 0 in two sources at least"
            )
    spec: FilterSpec = {
        "kind": "logistic",
        "backbone": params.backbone,
        "weights": params.weights,
        # With it, whatever depends on the filter depends on the weights of its backbone.
        "weights_digest": sha256(locate(params.weights)) if is_local(params.weights) else "",
        "size": params.size,
        "threshold": threshold,
    }
    FILTER_SPEC.write(out / FILTER_SPEC.path.name, spec)
    write_bytes(out / HEADS, save(heads))
    write_json(metrics, found)
    return {"items": len(table), "sources": int(table.source.nunique()), "threshold": round(threshold, 3)}


def scored(
    table: pd.DataFrame, truth: Truth, unseen: Scores, left_out: Scores, seed: int
) -> tuple[float, dict[str, Any]]:
    """The threshold and the metrics: of the sources left out one by one where they are of both labels, with those of
    the cross-validation of all frames beside them; else of the latter alone.

    The threshold weighs the histology of the sources left out against all kinds of other frames: few of these, such as
    charts and pages, are among the sources left out, and most of what lectures show besides tissue is of such kinds.
    """
    known = ~np.isnan(left_out)
    if len(set(truth[known])) < 2:
        known, left_out = np.ones(len(truth), bool), unseen
    all_scores, weighed = np.where(known, left_out, unseen), known | ~truth
    kinds = table.source.str.split("_").str[0].to_numpy()[weighed]
    threshold = best_threshold(truth[weighed], all_scores[weighed], even_weights(truth[weighed], kinds))
    rows, scores = table[known].reset_index(drop=True), left_out[known]
    found = measure(rows, truth[known], scores >= threshold, threshold, seed)
    found["cross_validation"] = measure(table, truth, unseen >= threshold, threshold, seed)
    right = pd.Series((scores >= threshold) == truth[known]).groupby(rows.source.to_numpy()).mean()
    found["leave_one_source_out"] = {str(source): float(share) for source, share in right.items()}
    return threshold, found


def variations(frames: list[Picture], truth: Truth, params: Params, seed: int) -> list[list[Picture]]:
    """`params.variations` lists with one variation of each frame."""
    rng = np.random.default_rng(seed)
    return [
        [vary(frame, bool(label), rng) for frame, label in zip(frames, truth, strict=True)]
        for _ in range(params.variations)
    ]


def _taught(table: pd.DataFrame, flag: str) -> list[int]:
    """Rows that are labelled for `flag`, if frames with it and without it come from at least two sources each."""
    known = table[table[flag].notna()]
    enough = known.groupby(flag).source.nunique()
    return list(known.index) if len(enough) == 2 and enough.min() >= 2 else []


class Trainer:
    """Logistic regression on rows and their variations; scores are always of rows, never of variations.

    The fit on all rows comes first; each other one starts from its coefficients, which are near, and goes on until its
    own slope is as flat: the problem is convex, so it ends in the same place as from nothing, in a fraction of the
    time.
    """

    def __init__(
        self, rows: Rows, varied: Rows, truth: Truth, weights: Weights, regularization_c: float, seed: int
    ) -> None:
        from sklearn.linear_model import LogisticRegression

        self.rows, self.truth, self.seed = rows, truth, seed
        self._copies = len(varied) + 1
        self._all = np.concatenate([rows, *varied])
        self._truth, self._weights = np.tile(truth, self._copies), np.tile(weights, self._copies)
        self._model = LogisticRegression(C=regularization_c, max_iter=3000, warm_start=True)
        self._model.fit(self._all, self._truth, sample_weight=self._weights)
        self._near = self._model.coef_, self._model.intercept_

    def head(self) -> Rows:
        """Coefficients and, last, the intercept of the fit on all rows."""
        coefficients, intercept = self._near
        return np.append(coefficients[0], intercept).astype(np.float32)

    def unseen(self, test: Truth) -> Scores:
        """Probability for each of the rows `test`, by a fit on the others."""
        train = np.tile(~test, self._copies)
        self._model.coef_, self._model.intercept_ = (part.copy() for part in self._near)
        self._model.fit(self._all[train], self._truth[train], sample_weight=self._weights[train])
        return self._model.predict_proba(self.rows[test])[:, 1]

    def cross_validate(self, groups: NDArray[Any], folds: int) -> NDArray[np.float64]:
        """Probability for each row by a fit on other groups; on other rows, where a label has too few groups."""
        unseen = np.zeros(len(self.rows))
        for _, numbers in self._splits(groups, folds):
            test = np.isin(np.arange(len(self.rows)), numbers)
            unseen[test] = self.unseen(test)
        return unseen

    def _splits(self, groups: NDArray[Any], folds: int) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """(train, test) row numbers, at most `folds` of them, both labels in every train part."""
        from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

        by_label = [groups[self.truth], groups[~self.truth]]
        if (few := min(len(set(own)) for own in by_label)) > 1:
            by_group = StratifiedGroupKFold(min(folds, few), shuffle=True, random_state=self.seed)
            found = list(by_group.split(self.rows, self.truth, groups))
            if all(0 < self.truth[train].mean() < 1 for train, _ in found):
                return found
        log.warning(
            "a label has too few sources to be scored on frames of others: scores are of frames like those known"
        )
        by_row = StratifiedKFold(min(folds, *map(len, by_label)), shuffle=True, random_state=self.seed)
        return list(by_row.split(self.rows, self.truth))

    def leave_out(self, sources: pd.Series, prefix: str) -> Scores:
        """Probability for each row of the sources whose names begin with `prefix`, by a fit without its source; else
        NaN."""
        unseen = np.full(len(self.rows), np.nan)
        for source in sorted(set(sources)) if prefix else []:
            own = (sources == source).to_numpy()
            if source.startswith(prefix) and 0 < self.truth[~own].mean() < 1:
                unseen[own] = self.unseen(own)
        return unseen

    def score(self, groups: NDArray[Any], folds: int) -> dict[str, Any]:
        """Cross-validated area under the ROC curve, average precision, and the share of positive rows."""
        from sklearn.metrics import average_precision_score

        unseen = self.cross_validate(groups, folds)
        found = {"auroc": _auroc(self.truth, unseen), "ap": average_precision_score(self.truth, unseen)}
        low, high = bootstrap(
            lambda i: _auroc(self.truth[i], unseen[i]) if 0 < self.truth[i].mean() < 1 else np.nan,
            len(unseen),
            rounds=200,
            seed=self.seed,
            groups=pd.factorize(groups)[0],
        )
        return found | {"auroc_low": low, "auroc_high": high, "share": float(self.truth.mean())}


def _auroc(truth: Truth, scores: Scores) -> float:
    """The area under the ROC curve by the ranks of `scores`, many times faster than what checks its input each time."""
    from scipy.stats import rankdata

    shown = int(truth.sum())
    return float((rankdata(scores)[truth].sum() - shown * (shown + 1) / 2) / (shown * (len(truth) - shown)))


def even_weights(truth: Truth, kinds: NDArray[Any]) -> Weights:
    """Weights, 1 on average, by which both labels count the same, and within a label all its kinds.

    A few real slides then weigh as much as any number of drawn ones.
    """
    table = pd.DataFrame({"truth": truth, "kind": kinds})
    sizes = table.groupby(["truth", "kind"]).kind.transform("size")
    shares = table.groupby("truth").kind.transform("nunique") * table.truth.nunique()
    return (len(table) / (sizes * shares)).to_numpy()


def best_threshold(truth: Truth, scores: Scores, weights: Weights) -> float:
    """The threshold of highest weighted balanced accuracy among those that keep LEAST_KEPT of the histology: midway
    between two neighbouring scores."""
    from sklearn.metrics import balanced_accuracy_score

    cuts = np.unique(np.concatenate([[0.0], scores, [1.0]]))
    middles = (cuts[1:] + cuts[:-1]) / 2
    middles = middles[[(scores[truth] >= middle).mean() >= LEAST_KEPT for middle in middles]]
    scores_at = [balanced_accuracy_score(truth, scores >= middle, sample_weight=weights) for middle in middles]
    best = np.nonzero(np.isclose(scores_at, max(scores_at)))[0]
    return float(middles[best[len(best) // 2]])


def measure(table: pd.DataFrame, truth: Truth, found: Truth, threshold: float, seed: int) -> dict[str, Any]:
    """Metrics of decisions on unseen sources; the interval resamples sources, not frames."""
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


def vary(image: Picture, histology: bool, rng: np.random.Generator) -> Picture:
    """Augmentation: a random part of `image`, mirrored, each colour's optical density stronger or weaker.

    Stains differ between laboratories far more than the colours of photographs do, so `histology` varies more: that is
    what lets a filter that has seen haematoxylin and eosin know tissue in brown.
    """
    height, width = image.shape[:2]
    share = rng.uniform(SMALLEST, 1.0)
    down, across = int(height * share), int(width * share)
    top, left = int(rng.integers(height - down + 1)), int(rng.integers(width - across + 1))
    part = image[top : top + down, left : left + across]
    part = part[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    strength = np.exp(rng.normal(0, STAIN if histology else LIGHT, 3))
    levels = (np.arange(256)[:, None] + 1) / 256
    table = np.clip(256 * levels**strength - 1, 0, 255).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(part), np.ascontiguousarray(table[None]))
