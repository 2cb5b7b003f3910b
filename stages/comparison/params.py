"""Parameters of the comparisons that are made beside the pipeline."""

from typing import Annotated, ClassVar

from pydantic import Field

from stages.common.stage.params import ParamsModel

Count = Annotated[int, Field(ge=1)]


class Params(ParamsModel):
    """Which protocols are compared, what each institution gave to learn from, and how slides are cut into tiles."""

    uses: ClassVar = (
        *("base.seed", "embeddings.others", "embeddings.batch_size", "evaluation.protocol", "evaluation.evalsets"),
        *("evaluation.bootstrap", "evaluation.recall_at", "quiltnet.model", "quiltnet.start", "quiltnet.subset"),
    )

    protocols: list[str] = Field(min_length=1)
    institutions: dict[str, str]
    ablations: str = Field(min_length=1)
    slides: str
    top_k: list[Count] = Field(min_length=1)
    tile: int = Field(ge=32)
    tile_mpp: float = Field(gt=0)
