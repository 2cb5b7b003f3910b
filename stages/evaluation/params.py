"""The block `evaluation` of params.yaml."""

from typing import Annotated

from pydantic import Field

from stages.common.params import Block

Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Params(Block):
    """What models are measured on and how."""

    protocol: str
    evalsets: str
    bootstrap: int = Field(ge=10)
    probe_fractions: list[Share] = Field(min_length=1)
    probe_seeds: int = Field(ge=1)
    probe_c: list[Positive] = Field(min_length=1)
    recall_at: list[Count] = Field(min_length=1)
    errors: int = Field(ge=0)
