"""The towers of a model in training: which layers are locked, how fast the others learn, their statistics, and whether
activations are kept."""

import logging
from typing import Any

from stages.common.errors import StageError
from stages.common.models.clip import Clip, named
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.params import Params

log = logging.getLogger(__name__)

LOCK_ERRORS = (AssertionError, AttributeError, KeyError, RuntimeError)  # open_clip's, for models that it cannot lock


def prepare(model: Any, params: Params, context: DistributedContext) -> dict[str, float]:
    """Make `model` ready to be tuned as `params` say, in place; return parameters' shares of the learning rate."""
    rates = layer_rates(model, params)  # asks open_clip's locks, and so comes before them
    lock(model, params)
    settle_batch_norm(model, params, context)
    if params.grad_checkpointing:
        checkpoint_activations(model)
    is_coca = hasattr(model, "text_decoder")
    if params.loss == "coca" and not is_coca:
        raise StageError(
            "quiltnet.loss: coca is for models that write captions: name one as quiltnet.model, as coca_ViT-B-32"
        )
    if is_coca and params.contrastive_weight == 0 and context.world > 1:
        raise StageError("quiltnet.contrastive_weight: 0 leaves weights without gradients: use one process")
    if is_coca and params.loss in ("clip", "siglip"):
        raise StageError(f"quiltnet.loss: {params.loss} leaves the captions of a CoCa untuned: use coca")
    if params.loss != "siglip" and getattr(model, "logit_bias", None) is not None:
        model.logit_bias.requires_grad_(False)  # no other loss has a use for it
    return rates


def layer_rates(model: Any, params: Params) -> dict[str, float]:
    """Layer-wise learning rate decay: by parameter, its share of the rate, a tower's decay to the power of its depth
    below the head, as in open_clip_train. Layers are grouped as open_clip's locks group them.

    Raises StageError for a tower whose layers open_clip does not tell apart.
    """
    rates: dict[str, float] = {}
    for tower, decay in (("image", params.image_layer_decay), ("text", params.text_layer_decay)):
        if decay < 1:
            try:
                depths = _depths(model, tower)
            except LOCK_ERRORS as error:
                raise StageError(
                    f"quiltnet.{tower}_layer_decay: open_clip cannot tell the layers of this model apart: {error}: set "
                    "it to 1.0"
                ) from None
            rates |= {name: decay**depth for name, depth in depths.items()}
    return rates


def _depths(model: Any, tower: str) -> dict[str, int]:
    """By parameter of a tower, its depth below the head: how many more groups than the head's have to be unlocked until
    it is tuned."""
    tuned = {name: p for name, p in model.named_parameters() if p.requires_grad}

    def locked(groups: int) -> set[str]:
        _lock_tower(model, tower, groups, freeze_bn_stats=False)
        found = {name for name, p in tuned.items() if not p.requires_grad}
        for p in tuned.values():
            p.requires_grad_(True)
        return found

    left = locked(0)
    prefix = "visual." if tower == "image" else "text."
    # Where a whole lock leaves the head tuned, the first group is below the head, else it is the head.
    depth = int(any(name.startswith(prefix) for name in tuned.keys() - left))
    found: dict[str, int] = {}
    for groups in range(1, len(tuned) + 1):
        now = locked(groups)
        found |= dict.fromkeys(left - now, depth)
        depth += bool(left - now)
        left = now
        if not left:
            return found
    raise RuntimeError(f"it never unlocks {min(left)}")


def settle_batch_norm(model: Any, params: Params, context: DistributedContext) -> None:
    """Let BatchNorm layers of `model` keep the statistics that they have, or take them over all processes
    (SyncBatchNorm)."""
    from timm.layers import convert_sync_batchnorm, freeze_batch_norm_2d

    if params.batch_norm == "frozen":
        freeze_batch_norm_2d(model)
    elif params.batch_norm == "sync" and context.world > 1:
        if context.device != "cuda":
            raise StageError("quiltnet.batch_norm: sync is for GPUs: use frozen, or own")
        convert_sync_batchnorm(model)
    if params.batch_norm != "frozen" and has_batch_norm(model):
        parts = params.accumulate > 1 or (context.world > 1 and params.batch_norm == "own")
        if parts:
            log.warning(
                "this model has BatchNorm, whose means are over the part of a batch that is computed at once: "
                "quiltnet.accumulate and several processes change what it learns, unless quiltnet.batch_norm is frozen"
            )


def has_batch_norm(model: Any) -> bool:
    """Whether BatchNorm layers of `model` take means over a batch."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(isinstance(module, _BatchNorm) for module in model.modules())


def load_teacher(student: Clip, place: str, device: str) -> Any:
    """The teacher of a distillation: the model that `student` is to learn from besides, which is not tuned.

    Raises StageError where it cannot be had, or does not take the same pixels and tokens.
    """
    import torch

    try:
        teacher = named(place)
    except StageError as error:
        raise StageError(f"quiltnet.teacher: {error}") from None
    steps = [{key: list(one.preprocess[key]) for key in ("mean", "std")} for one in (student, teacher)]
    if student.image_size != teacher.image_size or steps[0] != steps[1]:
        raise StageError(
            f"quiltnet.teacher: '{place}' takes other pixels than the model: size and normalisation must agree"
        )
    tokens = [one.tokenizer(["Histopathology of a naevus, at 40x."]) for one in (student, teacher)]
    if tokens[0].shape != tokens[1].shape or not torch.equal(*tokens):
        raise StageError(f"quiltnet.teacher: '{place}' takes other tokens than the model: name one with its tokenizer")
    return teacher.model.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


def lock(model: Any, params: Params) -> None:
    """Keep the image tower (locked-image tuning, LiT, Zhai et al. 2022), the text tower, or both as they are, but for
    their last groups of layers, by open_clip's own functions.

    Raises StageError where the model cannot be locked so.
    """
    for tower, locked, groups in (
        ("image", params.lock_image, params.unlocked_image_groups),
        ("text", params.lock_text, params.unlocked_text_groups),
    ):
        parameter = f"quiltnet.unlocked_{tower}_groups" if groups else f"quiltnet.lock_{tower}"
        if groups and not locked:
            raise StageError(f"{parameter}: nothing is locked: set quiltnet.lock_{tower} to true, or this to 0")
        if not locked:
            continue
        try:
            _lock_tower(model, tower, groups, freeze_bn_stats=True)
        except LOCK_ERRORS as error:
            raise StageError(f"{parameter}: open_clip cannot lock this model so: {error}: change it") from None


def _lock_tower(model: Any, tower: str, groups: int, freeze_bn_stats: bool) -> None:
    from open_clip.hf_configs import arch_dict

    # open_clip's table does not say what the parts of BERT are called, which is as in RoBERTa.
    arch_dict["bert"]["config_names"] = arch_dict["roberta"]["config_names"] | arch_dict["bert"]["config_names"]
    if tower == "image":
        model.lock_image_tower(groups, freeze_bn_stats=freeze_bn_stats)
    else:
        model.lock_text_tower(groups)


def checkpoint_activations(model: Any) -> None:
    """Compute activations again in the backward pass instead of keeping them.

    A text tower of transformers is not asked by way of open_clip, whose way is reentrant: gradients of tuned layers
    above locked ones would be lost.
    """
    tower: Any = getattr(getattr(model, "text", None), "transformer", None)
    if hasattr(tower, "gradient_checkpointing_enable"):
        model.visual.set_grad_checkpointing()
        tower.gradient_checkpointing_enable({"use_reentrant": False})
    else:
        model.set_grad_checkpointing()
