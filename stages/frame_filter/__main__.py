"""Fit the histology / not-histology frame classifier: labelled frames in, models/frame_filter out.

`label` writes the frames of the downloaded videos that the fitted filter is most uncertain of to data/uncertain, for a
person to label and to add to the folder of labelled frames. `score` says how well the filter does on a folder of
labelled frames.
"""

from pathlib import Path
from typing import Any

from stages.common.paths import FRAME_FILTER_DIR, MEDIA_DIR, UNCERTAIN_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.frame_filter.params import Params

ASKED = 100  # frames written for labelling
SCORED = {"score": "FOLDER with labels.csv and the frames that it lists"}


def run(params: Params, base: Base, what: str, folder: str | None) -> dict[str, Any]:
    """Fit and save the filter, make the published one loadable, ask for labels, or score the filter on `folder`."""
    from stages.common.models.device import pick_device

    device = pick_device(base.device)
    if what == "label":
        from stages.frame_filter.uncertain import write_uncertain

        return write_uncertain(MEDIA_DIR, FRAME_FILTER_DIR, UNCERTAIN_DIR, ASKED, base.jobs, device, params.more_flags)
    if folder:
        from stages.frame_filter.score import score

        return score(Path(folder), FRAME_FILTER_DIR, device, base.seed)
    if params.published:
        from stages.frame_filter.published import convert

        return convert(params, FRAME_FILTER_DIR, metrics_file("frame_filter"))
    from stages.frame_filter.fit import fit

    return fit(params, FRAME_FILTER_DIR, metrics_file("frame_filter"), base.seed, device)


if __name__ == "__main__":
    run_stage("frame_filter", run, __doc__, choices=("fit", "label", "score"), default="fit", operands=SCORED)
