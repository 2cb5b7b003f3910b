"""The block `captions` of params.yaml."""

from typing import Literal

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """How transcripts become captions."""

    engine: Literal["lexicon"]
    nltk_data: str
    rake_words: int = Field(ge=1, le=8)
    min_similarity: float = Field(ge=0, le=1)
    min_anchored: float = Field(ge=0, le=1)
    common_words: int = Field(ge=0)
    cues: list[str]
