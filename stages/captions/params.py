"""Parameters of the stage `captions`."""

from typing import Annotated, Any

from pydantic import Field

from stages.common.stage.extensions import one_of
from stages.common.stage.params import Operational, ParamsModel, Place


class LanguageModel(ParamsModel):
    """The language model of the engine `llm`, behind an OpenAI-compatible endpoint."""

    name: str
    url: str
    key: Operational[str]
    max_tokens: int = Field(ge=1)
    timeout_s: Operational[float] = Field(gt=0)
    retries: Operational[int] = Field(ge=0)
    price: Operational[list[float]] = Field(min_length=2, max_length=2)
    max_cost: Operational[float] = Field(gt=0)


class Params(ParamsModel):
    """How transcripts become captions."""

    engine: Annotated[Place[str], one_of("lexicon", "llm")]
    nltk_data: Place[str]
    rake_words: int = Field(ge=1, le=8)
    min_similarity: float = Field(ge=0, le=1)
    min_anchored: float = Field(ge=0, le=1)
    common_words: int = Field(ge=0)
    cues: list[str]
    llm: LanguageModel

    def results(self) -> dict[str, Any]:
        """Without the language model where none is asked."""
        found = super().results()
        return found if self.engine == "llm" else {name: value for name, value in found.items() if name != "llm"}
