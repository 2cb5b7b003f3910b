"""Parameters of the stage `audit`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.params import ParamsModel


class Params(ParamsModel):
    """The folder of gold labels, empty where there are none, and the size of the sample that experts review."""

    uses: ClassVar = ("base.seed", "keyframes.min_hold_s")

    gold: str
    tolerance_s: float = Field(gt=0)
    min_iou: float = Field(gt=0, le=1)
    sample: int = Field(ge=0)
