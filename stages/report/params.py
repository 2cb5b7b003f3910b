"""Parameters of the stage `report`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.notes import PLACES
from stages.common.stage.params import ParamsModel


class Params(ParamsModel):
    """The title and note of the report, and how many pairs its gallery shows."""

    uses: ClassVar = (
        *("base.seed", "dataset.sources", "evaluation.evalsets", "audit.gold", "frame_filter.frames"),
        *PLACES,
    )

    title: str
    note: str
    gallery: int = Field(ge=0)
