"""Parameters of the stage `search`."""

from pydantic import Field

from stages.common.stage.params import Operational, ParamsModel


class Params(ParamsModel):
    """What the page of answers asks, and how much it shows."""

    phrases: list[str]
    sample: int = Field(ge=1)
    nearest: int = Field(ge=1)
    batch_size: Operational[int] = Field(ge=1)
