"""The block `embeddings` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """How images are embedded."""

    batch_size: int = Field(ge=1)
