"""Parameters of the comparisons that are made beside the pipeline."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.params import ParamsModel


class Params(ParamsModel):
    """Which protocols are compared."""

    uses: ClassVar = (
        *("base.seed", "embeddings.others", "embeddings.batch_size", "evaluation.protocol", "evaluation.evalsets"),
        *("evaluation.bootstrap", "quiltnet.model", "quiltnet.start"),
    )

    protocols: list[str] = Field(min_length=1)
