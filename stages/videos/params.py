"""The block `videos` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """Where videos come from and which are wanted."""

    catalog: str
    min_duration_s: float = Field(ge=0)
    max_subscribers: int = Field(gt=0)
    languages: list[str]
    max_height: int = Field(ge=144)
    max_results: int = Field(ge=1)
    retries: int = Field(ge=0)
    sleep_s: float = Field(ge=0)
    rate_limit: int = Field(ge=0)
    cookies: str
