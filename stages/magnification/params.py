"""Parameters of the stage `magnification`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.params import ParamsModel


class Params(ParamsModel):
    """What the estimate of magnification is fitted from."""

    uses: ClassVar = ("base.seed",)

    tissue: str
    views: int = Field(ge=1, le=1000)
    regularization_c: float = Field(gt=0)
    min_probability: float = Field(ge=0, le=1)
    leave_out: str
