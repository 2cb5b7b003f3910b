"""Parameters of the stage `quiltnet`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.common.stage.extensions import one_of
from stages.common.stage.params import Operational, ParamsModel, Place


class Params(ParamsModel):
    """The model, its start weights, its training data, and how it is fine-tuned."""

    renamed: ClassVar = {"distinct": "mask_false_negatives"}

    uses: ClassVar = ("base.seed",)

    model: Place[str]
    start: Place[str]
    launcher: Operational[str]
    loss: Annotated[Place[str], one_of("clip")]
    subset: str
    lock_image: bool
    unlocked_image_groups: int = Field(ge=0)
    lock_text: bool
    unlocked_text_groups: int = Field(ge=0)
    wise_ft: float = Field(ge=0, le=1)
    epochs: int = Field(ge=0)
    epoch_of: Literal["images", "pairs"]
    keep: Literal["best", "last"]
    batch_size: int = Field(ge=2)
    accumulate: int = Field(ge=1)
    mask_false_negatives: bool
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    beta1: float = Field(ge=0, lt=1)
    beta2: float = Field(ge=0, lt=1)
    eps: float = Field(gt=0)
    clip_norm: float = Field(ge=0)
    warmup: int = Field(ge=0)
    crop_scale: float = Field(gt=0, le=1)
    color_jitter: float = Field(ge=0, le=1)
    precision: Literal["fp32", "amp_bf16"]
    grad_checkpointing: bool
    compile: bool
    workers: Operational[int] = Field(ge=0)
    log_steps: Operational[int] = Field(ge=1)
    save_steps: Operational[int] = Field(ge=1)
    tracker: Operational[Literal["", "tensorboard", "wandb"]]
