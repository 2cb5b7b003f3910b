"""Which weights are tuned, which have weight decay, and weights between the start and the tuned ones."""

from typing import Any

from stages.common.errors import StageError


def lock(model: Any, image: bool, text: bool) -> None:
    """Keep the image tower (LiT, Zhai et al. 2022), the text tower, or both as they are; projections are still tuned.

    Raises StageError for a text tower that is not a part of its own.
    """
    if image:
        model.lock_image_tower(freeze_bn_stats=True)
    if text:
        tower = getattr(getattr(model, "text", None), "transformer", None)
        if tower is None:
            raise StageError("quiltnet.lock_text: this model has no separate text tower: set it to false")
        for parameter in tower.parameters():
            parameter.requires_grad = False


def weight_groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: matrices have weight decay; gains, biases and the temperature have none (as in open_clip)."""
    tuned = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in tuned if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in tuned if p.ndim < 2], "weight_decay": 0.0},
    ]


def interpolate(start: dict[str, Any], tuned: dict[str, Any], share: float) -> dict[str, Any]:
    """Weights on the line from `start` (share 0) to `tuned` (share 1): WiSE-FT (Wortsman et al. 2022)."""
    return {
        name: start[name].lerp(value, share) if value.is_floating_point() else value for name, value in tuned.items()
    }
