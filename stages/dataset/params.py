"""The block `dataset` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """What is merged, what is dropped, and how the rest is split and packed."""

    sources: list[str]
    min_words: int = Field(ge=0)
    min_side: int = Field(ge=1)
    min_confidence: float = Field(ge=0, le=1)
    near_bits: int = Field(ge=0, le=256)
    val_share: float = Field(ge=0, lt=1)
    test_share: float = Field(ge=0, lt=1)
    max_side: int = Field(ge=32)
    shard_size: int = Field(ge=1)
