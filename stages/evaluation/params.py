"""Parameters of the stage `evaluation`."""

from typing import Annotated, ClassVar

from pydantic import Field

from stages.common.stage.params import ParamsModel, Place

Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Params(ParamsModel):
    """What models are measured on and how."""

    uses: ClassVar = ("base.seed",)

    protocol: Place[str]
    evalsets: str
    bootstrap: int = Field(ge=10)
    probe_fractions: list[Share] = Field(min_length=1)
    probe_seeds: int = Field(ge=1)
    probe_c: list[Positive] = Field(min_length=1)
    shots: list[Count] = Field(min_length=1)
    shot_draws: int = Field(ge=1)
    neighbours: int = Field(ge=1)
    recall_at: list[Count] = Field(min_length=1)
    errors: int = Field(ge=0)
