"""The block `embeddings` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """Which models look at the evalsets, and how many images at once."""

    others: list[str]
    batch_size: int = Field(ge=1)
