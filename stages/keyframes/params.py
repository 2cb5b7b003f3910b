"""The block `keyframes` of params.yaml."""

from pydantic import Field

from stages.common.params import Block
from stages.common.screening import Rules


class Params(Block):
    """How cuts and holds are found and which videos are histology narrated in one voice."""

    sample_fps: float = Field(gt=0, le=60)
    cut_ratio: float = Field(gt=1)
    cut_level: float = Field(gt=0)
    min_hold_s: float = Field(gt=0)
    tolerance: float = Field(gt=0, lt=0.1)
    moving_share: float = Field(gt=0, lt=1)
    median_frames: int = Field(ge=3, le=64)
    residue: int = Field(ge=1, le=255)
    nucleus_um: float = Field(gt=0)
    screening: Rules
