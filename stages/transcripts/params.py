"""The block `transcripts` of params.yaml."""

from typing import Literal

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """The recogniser and how it is run."""

    model: str
    sha256: str
    words: Literal["attention", "align"]
    align_model: str
    compute_type: Literal["int8", "float16", "float32", "int8_float16"]
    batch_size: int = Field(ge=1)
    beam_size: int = Field(ge=1)
    language: str
    prompt: str
    min_words: int = Field(ge=0)
