"""Parameters of the stage `transcripts`."""

from typing import Literal

from pydantic import Field

from stages.common.stage.params import Operational, ParamsModel, Place


class Params(ParamsModel):
    """The recogniser and how it is run."""

    model: Place[str]
    sha256: str
    words: Literal["attention", "align"]
    align_model: Place[str]
    compute_type: Literal["int8", "float16", "float32", "int8_float16"]
    batch_size: Operational[int] = Field(ge=1)
    beam_size: int = Field(ge=1)
    language: Literal["", "en"]
    prompt: str
    max_compression: float = Field(gt=1)
    min_logprob: float = Field(lt=0)
    min_words: int = Field(ge=0)
