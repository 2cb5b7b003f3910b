"""The towers of a model in training: which layers are locked, and whether activations are kept."""

from typing import Any

from stages.common.errors import StageError
from stages.quiltnet.params import Params


def lock(model: Any, params: Params) -> None:
    """Keep the image tower (locked-image tuning, LiT, Zhai et al. 2022), the text tower, or both as they are, but for
    their last groups of layers, by open_clip's own functions.

    Raises StageError where the model cannot be locked so.
    """
    from open_clip.hf_configs import arch_dict

    # open_clip's table does not say what the parts of BERT are called, which is as in RoBERTa.
    arch_dict["bert"]["config_names"] = arch_dict["roberta"]["config_names"] | arch_dict["bert"]["config_names"]
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
            if tower == "image":
                model.lock_image_tower(groups, freeze_bn_stats=True)
            else:
                model.lock_text_tower(groups)
        except (AssertionError, AttributeError, KeyError, RuntimeError) as error:
            raise StageError(f"{parameter}: open_clip cannot lock this model so: {error}: change it") from None


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
