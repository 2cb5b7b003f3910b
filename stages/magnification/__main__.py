"""Fit the estimate of magnification: tissue of known micrometres a pixel in, models/magnification out."""

from typing import Any

from stages.common.paths import MAGNIFICATION_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.magnification.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Fit and save the estimator."""
    from stages.magnification.fit import fit

    return fit(params, MAGNIFICATION_DIR, metrics_file("magnification"), base.seed, base.jobs)


if __name__ == "__main__":
    run_stage("magnification", run, __doc__)
