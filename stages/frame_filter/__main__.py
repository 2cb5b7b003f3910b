"""Fit the histology / not-histology frame classifier: labelled frames in, models/frame_filter out."""

from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.frame_filter.params import Params


def make(block: Params, base: Base) -> dict[str, Any]:
    """Fit and save the filter."""
    from stages.frame_filter.fit import fit

    return fit(block, Path("models/frame_filter"), Path("reports/metrics/frame_filter.json"), base.seed)


if __name__ == "__main__":
    run_stage("frame_filter", make, __doc__)
