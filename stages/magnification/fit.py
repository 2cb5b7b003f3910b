"""Fit the estimate of magnification on tissue of known scale, scored on sources that it never saw."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from stages.common.data.arrays import Floats, Ints
from stages.common.data.files import write_json
from stages.common.errors import StageError
from stages.common.magnification.blobs import blob_spectrum
from stages.common.magnification.estimator import OBJECTIVE_UM, is_familiar, level, probabilities
from stages.common.tables.magnification import ESTIMATOR_SPEC, EstimatorSpec
from stages.magnification.params import Params
from stages.magnification.tissue import Tissue, read_tissue
from stages.magnification.views import view

LEVELS = 3
DIGITS = 6  # of coefficients: the last ones differ between machines


def fit(params: Params, out: Path, metrics: Path, seed: int, jobs: int) -> dict[str, Any]:
    """Read `params.tissue`, write the estimator to `out` and its scores on sources left out; return counts."""
    tissue = read_tissue(Path(params.tissue))
    calls = (delayed(_views)(one, params.views, [seed, number]) for number, one in enumerate(tissue))
    table = pd.concat(Parallel(n_jobs=jobs)(calls), ignore_index=True)
    spectra = np.stack(table.pop("spectrum"))
    classes = table.power.map(level).to_numpy()
    if missing := sorted(set(range(LEVELS)) - set(classes)):
        raise StageError(
            f"{params.tissue}/scales.csv: no view is of magnification class {missing[0]}: add larger or finer images"
        )
    weights = even_weights(table.source, classes)
    heads = fit_heads(spectra, classes, weights, params.regularization_c)
    write_json(metrics, leave_out(spectra, table, classes, weights, params) | {"views": len(table)})
    spec: EstimatorSpec = {
        "heads": heads.tolist(),
        "lowest": np.round(spectra.min(axis=0), DIGITS).tolist(),
        "highest": np.round(spectra.max(axis=0), DIGITS).tolist(),
        "min_probability": params.min_probability,
    }
    ESTIMATOR_SPEC.write(out / ESTIMATOR_SPEC.path.name, spec)
    return {"items": len(table), "sources": int(table.source.nunique())}


def _views(tissue: Tissue, count: int, seed: list[int]) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    seen = [view(tissue, rng) for _ in range(count)]
    return pd.DataFrame(
        {
            "source": tissue.source,
            "power": [OBJECTIVE_UM / scale for _, scale in seen],
            "spectrum": [blob_spectrum(image) for image, _ in seen],
        }
    )


def even_weights(sources: pd.Series, classes: Ints) -> Floats:
    """Weights, 1 on average, by which all kinds of sources (KIND_NAME) count the same, and within them all classes."""
    keys = [sources.str.split("_").str[0].to_numpy(), classes]
    sizes = pd.Series(1.0, index=range(len(classes))).groupby(keys).transform("size")
    weights = 1 / sizes.to_numpy(float)
    return np.asarray(weights * len(weights) / weights.sum())


def fit_heads(spectra: Floats, classes: Ints, weights: Floats, regularization_c: float) -> Floats:
    """Coefficients and, last, the intercept of each class, for spectra as they are."""
    from sklearn.linear_model import LogisticRegression

    middle, spread = spectra.mean(axis=0), spectra.std(axis=0) + 1e-9
    model = LogisticRegression(C=regularization_c, max_iter=3000)
    model.fit((spectra - middle) / spread, classes, sample_weight=weights)
    slopes = model.coef_ / spread
    return np.round(np.column_stack([slopes, model.intercept_ - slopes @ middle]), DIGITS)


def leave_out(spectra: Floats, table: pd.DataFrame, classes: Ints, weights: Floats, params: Params) -> dict[str, Any]:
    """Scores on each source whose name begins with `params.leave_out`, by a fit without it; none where that leaves no
    view of some class."""
    found = []
    for source in sorted(name for name in set(table.source) if name.startswith(params.leave_out)):
        own = (table.source == source).to_numpy()
        if len(set(classes[~own])) == LEVELS:
            heads = fit_heads(spectra[~own], classes[~own], weights[~own], params.regularization_c)
            bounds = spectra[~own].min(axis=0), spectra[~own].max(axis=0)
            familiar = np.array([is_familiar(spectrum, *bounds) for spectrum in spectra[own]])
            chances = np.array([probabilities(spectrum, heads) for spectrum in spectra[own]])
            found.append(
                pd.DataFrame(
                    {
                        "source": source,
                        "power": table.power[own],
                        "truth": classes[own],
                        "level": chances.argmax(axis=1),
                        "mean": chances @ np.arange(LEVELS),
                        "answered": familiar & (chances.max(axis=1) >= params.min_probability),
                    }
                )
            )
    if not found:
        return {}
    scored = pd.concat(found)
    return {
        "left_out": score(scored)
        | {
            "sources": {str(name): score(own) for name, own in scored.groupby("source")},
            "levels": {str(name): score(own) for name, own in scored.groupby("truth")},
        }
    }


def score(scored: pd.DataFrame) -> dict[str, float | None]:
    """Share answered, share of the answers that are right, and how the mean class goes with the logarithm of the
    truth."""
    right = scored.level[scored.answered] == scored.truth[scored.answered]
    return {
        "answered": float(scored.answered.mean()),
        "accuracy": float(right.mean()) if len(right) else None,
        "log_correlation": float(np.corrcoef(np.log(scored.power), scored["mean"])[0, 1]),
    }
