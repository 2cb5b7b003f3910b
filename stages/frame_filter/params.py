"""Parameters of the stage `frame_filter`."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, StringConstraints

from stages.common.stage.params import ParamsModel, Place

FlagName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


def _distinct(names: list[str]) -> list[str]:
    """The names. Raises ValueError where one is there twice, or is that of the decision on histology."""
    if "threshold" in names:
        raise ValueError("should not have the name threshold")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"should have each name once, {repeated[0]} is there twice")
    return names


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
    more_flags: Annotated[list[FlagName], AfterValidator(_distinct)]
    published: Place[str]
