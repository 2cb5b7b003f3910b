"""The block `evaluation` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """What models are measured on and how."""

    protocol: str
    evalsets: str
    bootstrap: int = Field(ge=10)
    probe_fractions: list[float]
    probe_seeds: int = Field(ge=1)
    probe_c: list[float]
    recall_at: list[int]
