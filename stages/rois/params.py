"""The block `rois` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """How the cursor is traced and its gestures boxed."""

    sample_fps: float = Field(gt=0, le=60)
    residue: int = Field(ge=1, le=255)
    max_gap_s: float = Field(gt=0)
    min_gesture_s: float = Field(gt=0)
    min_area: float = Field(ge=0, lt=1)
    max_area: float = Field(gt=0, le=1)
