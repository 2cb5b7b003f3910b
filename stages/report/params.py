"""The block `report` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """What the report page says of itself and shows."""

    title: str
    note: str
    gallery: int = Field(ge=0)
