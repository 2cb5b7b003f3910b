"""Parameters of the stage `rois`."""

from pydantic import Field

from stages.common.stage.params import ParamsModel


class Params(ParamsModel):
    """How the cursor's path is split into gestures and which of their boxes are kept."""

    max_gap_s: float = Field(gt=0)
    max_extent: float = Field(gt=0, le=1.5)
    min_gesture_s: float = Field(gt=0)
    min_area: float = Field(ge=0, lt=1)
    max_area: float = Field(gt=0, le=1)
