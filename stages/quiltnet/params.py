"""Parameters of the stage `quiltnet`."""

from typing import Annotated, Any, ClassVar, Literal

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
    loss: Annotated[Place[str], one_of("clip", "siglip", "coca")]
    contrastive_weight: float = Field(ge=0)
    caption_weight: float = Field(ge=0)
    teacher: Place[str]
    subset: str
    source_weights: dict[str, Annotated[float, Field(ge=0)]]
    lock_image: bool
    unlocked_image_groups: int = Field(ge=0)
    lock_text: bool
    unlocked_text_groups: int = Field(ge=0)
    batch_norm: Literal["own", "sync", "frozen"]
    wise_ft: float = Field(ge=0, le=1)
    epochs: int = Field(ge=0)
    epoch_of: Literal["images", "pairs"]
    keep: Literal["best", "last"]
    save_epochs: int = Field(ge=0)
    save_limit: int = Field(ge=0)
    zero_shot_epochs: int = Field(ge=0)
    zero_shot_protocol: Place[str]
    zero_shot_evalsets: str
    batch_size: int = Field(ge=2)
    accumulate: int = Field(ge=1)
    mask_false_negatives: bool
    lr: float = Field(gt=0)
    image_layer_decay: float = Field(gt=0, le=1)
    text_layer_decay: float = Field(gt=0, le=1)
    weight_decay: float = Field(ge=0)
    beta1: float = Field(ge=0, lt=1)
    beta2: float = Field(ge=0, lt=1)
    eps: float = Field(gt=0)
    clip_norm: float = Field(ge=0)
    warmup: int = Field(ge=0)
    crop_scale: float = Field(gt=0, le=1)
    color_jitter: float = Field(ge=0, le=1)
    aug_cfg: dict[str, Any]
    patch_dropout: float = Field(ge=0, lt=1)
    precision: Literal["fp32", "amp_bf16"]
    grad_checkpointing: bool
    compile: bool
    workers: Operational[int] = Field(ge=0)
    log_steps: Operational[int] = Field(ge=1)
    save_steps: Operational[int] = Field(ge=1)
    tracker: Operational[Literal["", "tensorboard", "wandb"]]

    def conflict(self) -> str:
        """As ParamsModel."""
        whole = self.loss if self.loss in ("siglip", "coca") else "teacher" if self.teacher else ""
        if whole and self.mask_false_negatives:
            return f"mask_false_negatives: open_clip's loss for {whole} has no such mask: set it to false"
        if self.teacher and self.loss != "clip":
            return f"teacher: open_clip distils with the loss clip alone, not {self.loss}: change one of them"
        if self.loss == "coca" and not (self.contrastive_weight or self.caption_weight):
            return "caption_weight: coca learns nothing where contrastive_weight is 0, too: raise one of them"
        if self.zero_shot_epochs and not self.zero_shot_protocol:
            return "zero_shot_protocol: zero_shot_epochs asks for zero-shot: name a protocol (see protocols/)"
        return ""
