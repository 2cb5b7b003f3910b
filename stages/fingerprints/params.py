"""Parameters of the stage `fingerprints`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.params import ParamsModel, Place


class Params(ParamsModel):
    """What is computed of every image, so that the dataset can be filtered in other ways without its pixels."""

    uses: ClassVar = ("evaluation.protocol",)

    clip: Place[str]
    dims: int = Field(ge=8, le=2048)
