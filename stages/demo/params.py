"""The block `demo` of params.yaml."""

from typing import Literal

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """The demo world's seed and size."""

    seed: int = Field(ge=0)
    size: Literal["tiny", "small"]
