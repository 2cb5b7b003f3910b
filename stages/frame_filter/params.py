"""The block `frame_filter` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """What the frame filter is fitted from."""

    frames: str
    backbone: str
    weights: str
    size: int = Field(ge=32, le=1024)
    c: float = Field(gt=0)
    variations: int = Field(ge=0, le=50)
    folds: int = Field(ge=2)
    leave_out: str
    published: str
