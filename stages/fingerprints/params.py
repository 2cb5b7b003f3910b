"""Parameters of the stage `fingerprints`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.params import ParamsModel, Place


class Params(ParamsModel):
    """What is noted of every image, so that the dataset can be cut in many ways without looking at pixels again."""

    uses: ClassVar = ("evaluation.protocol",)

    clip: Place[str]
    dims: int = Field(ge=8, le=2048)
