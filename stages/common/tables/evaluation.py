"""What stage evaluation writes for the report, beside its tables: the surest errors of zero-shot classification."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from stages.common.paths import EVALUATION_DIR
from stages.common.tables.schema import Record


class ModelAnswer(TypedDict):
    """What one model takes an image for."""

    model: Annotated[str, Field(description="start, tuned, or the name of another")]
    predicted: Annotated[str, Field(description="the class that it finds most probable")]
    probability: Annotated[float, Field(description="of that class")]


class SureError(TypedDict):
    """An image that the model was sure about and wrong."""

    path: Annotated[str, Field(description="reference of the image")]
    picture: Annotated[str, Field(description="of it, small, as a data URI")]
    actual: Annotated[str, Field(description="its class")]
    right: Annotated[float, Field(description="probability that the model gives its class")]
    answers: Annotated[list[ModelAnswer], Field(description="of every model, the one whose errors these are first")]


class SetErrors(TypedDict):
    """The errors of one evalset."""

    images: Annotated[int, Field(description="how many were classified")]
    wrong: Annotated[int, Field(description="how many of them wrongly")]
    surest: Annotated[list[SureError], Field(description="up to evaluation.errors of them, the surest first")]


SURE_ERRORS: Record[dict[str, SetErrors]] = Record(
    "evaluation", EVALUATION_DIR / "zero_shot/errors.json", dict[str, SetErrors]
)
