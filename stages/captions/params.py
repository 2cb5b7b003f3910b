"""The block `captions` of params.yaml."""

from typing import Literal

from pydantic import Field

from stages.common.params import Block


class Model(Block):
    """The language model of the engine `llm`, behind an OpenAI-compatible endpoint."""

    name: str
    url: str
    key: str
    max_tokens: int = Field(ge=1)
    timeout_s: float = Field(gt=0)
    retries: int = Field(ge=0)
    price: list[float] = Field(min_length=2, max_length=2)
    max_cost: float = Field(gt=0)


class Params(Block):
    """How transcripts become captions."""

    engine: Literal["lexicon", "llm"]
    nltk_data: str
    rake_words: int = Field(ge=1, le=8)
    min_similarity: float = Field(ge=0, le=1)
    min_anchored: float = Field(ge=0, le=1)
    common_words: int = Field(ge=0)
    cues: list[str]
    llm: Model
