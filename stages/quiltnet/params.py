"""The block `quiltnet` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Params(Block):
    """The model, where it starts from, and how it is tuned."""

    model: str
    start: str
    epochs: int = Field(ge=0)
    batch_size: int = Field(ge=2)
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    beta1: float = Field(ge=0, lt=1)
    beta2: float = Field(ge=0, lt=1)
    eps: float = Field(gt=0)
    warmup: int = Field(ge=0)
    lock_text: bool
    crop_scale: float = Field(gt=0, le=1)
    workers: int = Field(ge=0)
