"""Parameters of the stage `embeddings`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.params import Operational, ParamsModel, Place


class Params(ParamsModel):
    """Which models beside the start model and the tuned one embed the evalsets, and the batch size."""

    uses: ClassVar = ("base.seed", "evaluation.protocol", "quiltnet.model", "quiltnet.start")

    others: Place[list[str]]
    batch_size: Operational[int] = Field(ge=1)
