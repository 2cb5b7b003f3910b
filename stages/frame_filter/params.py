"""Parameters of the stage `frame_filter`."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from stages.common.stage.params import ParamsModel, Place

FlagName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Params(ParamsModel):
    """What the frame filter is fitted from."""

    renamed: ClassVar = {"c": "regularization_c"}

    uses: ClassVar = ("base.seed",)

    frames: str
    backbone: str
    weights: Place[str]
    size: int = Field(ge=32, le=1024)
    regularization_c: float = Field(gt=0)
    variations: int = Field(ge=0, le=50)
    folds: int = Field(ge=2)
    leave_out: str
    more_flags: list[FlagName]
    published: Place[str]
