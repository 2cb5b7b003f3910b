"""Parameters of the stage `keyframes`."""

from typing import ClassVar

from pydantic import Field

from stages.common.frame_filter.prescreening import PrescreeningRules
from stages.common.stage.params import ParamsModel


class Params(ParamsModel):
    """How cuts and holds are found and which videos are histology narrated in one voice."""

    renamed: ClassVar = {
        "residue": "overlay_threshold",
        "moving_share": "changed_block_fraction",
        "tolerance": "max_shift",
        "screening": "prescreening",
    }

    sample_fps: float = Field(gt=0, le=60)
    cut_ratio: float = Field(gt=1)
    cut_level: float = Field(gt=0)
    min_hold_s: float = Field(gt=0)
    max_shift: float = Field(gt=0, lt=0.1)
    changed_block_fraction: float = Field(gt=0, lt=1)
    median_frames: int = Field(ge=3, le=64)
    overlay_threshold: int = Field(ge=1, le=255)
    prescreening: PrescreeningRules
