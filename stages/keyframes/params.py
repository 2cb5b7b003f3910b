"""The block `keyframes` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """How holds are found and which videos are histology narrated in one voice."""

    sample_fps: float = Field(gt=0, le=60)
    cut_threshold: float = Field(gt=0)
    min_hold_s: float = Field(gt=0)
    motion_level: float = Field(gt=0)
    motion_share: float = Field(gt=0, lt=1)
    median_frames: int = Field(ge=3, le=64)
    nucleus_um: float = Field(gt=0)
    screen_fps: float = Field(gt=0)
    narrative_frames: int = Field(ge=1)
    narrative_next: int = Field(ge=1)
    narrative_cosine: float = Field(gt=0, le=1)
    narrative_share: float = Field(ge=0, le=1)
