"""Parameters of the stage `videos`."""

from typing import ClassVar, Literal

from pydantic import Field

from stages.common.stage.params import Lists, ParamsModel


class Params(ParamsModel):
    """Where videos come from and which are wanted."""

    renamed: ClassVar = {"screen_height": "prescreen_height"}

    uses: ClassVar = ("keyframes.prescreening",)

    catalog: Lists[str]
    search: Literal["videos", "channels"]
    min_duration_s: float = Field(ge=0)
    max_duration_s: float = Field(gt=0)
    max_size_mb: float = Field(gt=0)
    max_subscribers: int = Field(gt=0)
    languages: list[str]
    prescreen_height: int = Field(ge=100)
    max_height: int = Field(ge=144)
    max_results: int = Field(ge=1)
    retries: int = Field(ge=0)
    backoff_s: float = Field(ge=0)
    timeout_s: float = Field(gt=0)
    sleep_s: float = Field(ge=0)
    rate_limit: int = Field(ge=0)
    proxy: str
    cookies: str
