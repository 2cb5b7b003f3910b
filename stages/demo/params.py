"""Parameters of the stage `demo`."""

from typing import Literal

from pydantic import Field

from stages.common.stage.params import ParamsModel


class Params(ParamsModel):
    """The demo world's seed and size."""

    seed: int = Field(ge=0)
    size: Literal["tiny", "small"]
