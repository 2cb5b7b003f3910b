"""What stage magnification writes."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from stages.common.paths import MAGNIFICATION_DIR
from stages.common.tables.schema import Record


class EstimatorSpec(TypedDict):
    """The fitted estimate of magnification, a logistic regression on how blobs of each size stand out."""

    heads: Annotated[
        list[list[float]], Field(description="of each class of magnification: coefficients and, last, the intercept")
    ]
    lowest: Annotated[list[float], Field(description="of each number of the spectrum, the least that it learned from")]
    highest: Annotated[list[float], Field(description="of each number of the spectrum, the most that it learned from")]
    min_probability: Annotated[float, Field(description="probability below which the class is left empty")]


ESTIMATOR_SPEC = Record("magnification", MAGNIFICATION_DIR / "estimator.json", EstimatorSpec)
