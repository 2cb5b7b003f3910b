"""Parameters of the stage `audit`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.params import ParamsModel


class Params(ParamsModel):
    """The folder of gold labels, empty where there are none, and what the review page holds."""

    uses: ClassVar = ("base.seed", "keyframes.min_hold_s")

    gold: str
    tolerance_s: float = Field(gt=0)
    min_iou: float = Field(gt=0, le=1)
    sample: int = Field(ge=0, le=1000)
    repeated: int = Field(ge=0)
    mismatched: int = Field(ge=0)
    max_page_mb: float = Field(ge=5)
