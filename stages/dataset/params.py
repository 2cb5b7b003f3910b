"""Parameters of the stage `dataset`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.notes import PLACES
from stages.common.stage.params import ParamsModel, Place


class Params(ParamsModel):
    """What is merged, what is dropped, and how the rest is split and packed."""

    renamed: ClassVar = {
        "near_bits": "phash_distance",
        "near_cosine": "crop_cosine",
        "near_text": "text_jaccard",
        "max_glass": "max_background",
    }

    uses: ClassVar = ("base.seed", "report.title", "report.note", *PLACES)

    sources: list[str] = Field(min_length=1)
    min_words: int = Field(ge=0)
    max_words: int = Field(ge=1)
    min_side: int = Field(ge=1)
    min_confidence: float = Field(ge=0, le=1)
    min_similarity: float = Field(ge=-1, le=1)
    max_blur: float = Field(ge=0, le=1)
    max_background: float = Field(ge=0, le=1)
    flags: list[str]
    phash_distance: int = Field(ge=0, le=64)
    crop_cosine: float = Field(ge=0, le=1)
    text_jaccard: float = Field(gt=0, le=1)
    deduplicate: bool
    filters: Place[list[str]]
    val_share: float = Field(ge=0, lt=1)
    test_share: float = Field(ge=0, lt=1)
    max_side: int = Field(ge=32)
    shard_size: int = Field(ge=1)
    min_shards: int = Field(ge=1)
