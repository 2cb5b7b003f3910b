"""Parameters of the stage `pairs`."""

from typing import Literal

from pydantic import Field

from stages.common.stage.params import ParamsModel, Place


class Params(ParamsModel):
    """How sentences find their images."""

    rule: Literal["words", "paper"]
    pair_chunk_time: float = Field(ge=0)
    min_overlap: float = Field(gt=0, le=1)
    ahead_s: float = Field(ge=0)
    tokenizer: Place[str]
    max_tokens: int = Field(ge=8)
