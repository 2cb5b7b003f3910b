"""The linear probe on the embeddings of `dvc repro`, against a pipeline of scikit-learn's own: another grid, its own
folds and search. Both learn from the same images and are tested on the same.

Where a class has too few images to choose by, both take the rule of UNI and CONCH: what is compared is the fit alone.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import report
from stages.common.data.arrays import Ints
from stages.common.evalsets.protocol import load_protocol
from stages.common.paths import EMBEDDINGS_DIR
from stages.common.stage.params import load_params
from stages.evaluation.linear_probe import probe_set
from stages.evaluation.sets import Labelled, labelled, models_of, names_of
from stages.evaluation.splits import Sides, divide, draw

GRID = np.logspace(-6, 6, 97)
FOLDS = 4
BAR = 0.005


def within_one_image(images: int, rule: float) -> Callable[[dict[str, Any]], int]:
    """The choice for GridSearchCV's `refit`: of the strengths within one image of the best, the nearest to the rule.
    Its own choice, the first of the best, goes from one end of a plateau to the other with the seed of the folds."""

    def chosen(results: dict[str, Any]) -> int:
        score = results["mean_test_score"]
        good = np.flatnonzero(score >= score.max() - 1.001 / images)
        return int(good[np.abs(np.log(GRID[good] / rule)).argmin()])

    return chosen


def pipeline_score(one: Labelled, sides: Sides, picked: Ints, scoring: str, seed: int) -> float:
    """The test score of a probe on the images `picked`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import get_scorer
    from sklearn.model_selection import GridSearchCV, PredefinedSplit, StratifiedGroupKFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    image, label, group = one.image, one.label, sides.group
    rule = image.shape[1] * len(one.text) / 100
    model: Any = make_pipeline(StandardScaler(with_std=False), LogisticRegression(C=rule, max_iter=5000, tol=1e-5))
    owners = picked if group is None else group[picked]
    fewest = min(len(set(owners[label[picked] == name])) for name in np.unique(label[picked]))
    learn, search = picked, None
    if len(sides.validation):
        learn = np.concatenate([picked, sides.validation])
        search = PredefinedSplit(np.repeat([-1, 0], [len(picked), len(sides.validation)]))
    elif fewest >= FOLDS:
        kind = StratifiedKFold if group is None else StratifiedGroupKFold
        search = kind(FOLDS, shuffle=True, random_state=seed)
    if search is not None:
        choice = within_one_image(len(sides.validation) or len(picked), rule)
        found = GridSearchCV(model, {"logisticregression__C": GRID}, scoring=scoring, cv=search, refit=choice)
        found.fit(image[learn], label[learn], groups=None if group is None else group[learn])
        model.set_params(**found.best_params_)
    model.fit(image[picked], label[picked])
    return float(get_scorer(scoring)(model, image[sides.test], label[sides.test]))


def main() -> None:
    """Print the difference of each set, model and fraction."""
    params, base = load_params("evaluation")
    metric = load_protocol(params.protocol).metric
    scoring = {"weighted_f1": "f1_weighted", "macro_f1": "f1_macro"}.get(metric, metric)
    for name in names_of(EMBEDDINGS_DIR, pairs=False):
        models = {model: labelled(EMBEDDINGS_DIR, model, name) for model in models_of(EMBEDDINGS_DIR)}
        sides = divide(next(iter(models.values())), base.seed)
        probes, _ = probe_set(name, models, params, metric, base.seed)
        for model, one in models.items():
            for fraction in params.probe_fractions:
                ours = probes[model][f"{fraction:g}"].score.value
                seeds = range(base.seed, base.seed + (params.probe_seeds if fraction < 1 else 1))
                picked = {n: draw(sides.train, one.label, fraction, np.random.default_rng(n)) for n in seeds}
                scores = [pipeline_score(one, sides, rows, scoring, n) for n, rows in picked.items()]
                note = f"ours {ours:.4f}, scikit-learn's {np.mean(scores):.4f}"
                title = f"{name}, {model}, {fraction:g} of the labels"
                report(title, abs(ours - float(np.mean(scores))), None, BAR, note, unit="1")


if __name__ == "__main__":
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
