"""A frozen image network from timm, with weights from a package, a file or timm's own hub."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import StageError
from stages.common.weights import is_local, locate

PACKAGED = (0.5, 0.5, 0.5)  # mean and deviation that the packaged efficientnet-lite0 weights were trained with


def load_backbone(name: str, weights: str, device: str = "cpu") -> Any:
    """Return the timm model `name`, headless, in eval mode, on `device`.

    `weights` is a place for stages.common.weights, or "hub" for timm's pretrained weights. Checkpoints are read with
    weights_only; their tensors are matched to the model's by name or, where names differ, by order and shape.
    """
    import timm
    import torch

    try:
        model = timm.create_model(name, pretrained=weights == "hub", num_classes=0)
    except RuntimeError as error:
        raise StageError(f"unknown timm model '{name}': {error}") from None
    model.pixel_mean = model.pixel_std = PACKAGED
    if weights == "hub":
        model.pixel_mean, model.pixel_std = model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    else:
        load_matching(model, weights)
    # Frames come with their colours last; a convolution takes them so, and is faster.
    return model.eval().to(device, memory_format=torch.channels_last)


def load_matching(model: Any, weights: str) -> None:
    """Copy the checkpoint at `weights` into `model`, by name where all names are there, else by order and shape."""
    import torch

    if not is_local(weights):
        raise StageError(f"weights '{weights}': neither a package nor a file: check the parameter")
    state = torch.load(locate(weights), map_location="cpu", weights_only=True)
    own = model.state_dict()
    if own.keys() <= state.keys():
        model.load_state_dict({key: state[key] for key in own})
        return
    if len(state) < len(own) or any(a.shape != b.shape for a, b in zip(own.values(), state.values(), strict=False)):
        raise StageError(f"weights '{weights}' do not fit the model: {len(state)} tensors for {len(own)}")
    model.load_state_dict(dict(zip(own, state.values(), strict=False)))


def features(model: Any, images: Sequence[NDArray[np.uint8]], size: int, batch: int = 32) -> NDArray[np.float32]:
    """Return one feature vector a row for RGB `images`, each resized to `size` x `size` pixels."""
    import cv2
    import torch

    device = next(model.parameters()).device
    mean, std = (torch.tensor(value, device=device).view(3, 1, 1) for value in (model.pixel_mean, model.pixel_std))
    rows = []
    with torch.inference_mode():
        for begin in range(0, len(images), batch):
            part = [
                cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in images[begin : begin + batch]
            ]
            pixels = torch.from_numpy(np.stack(part)).to(device).permute(0, 3, 1, 2).float().div(255)
            rows.append(model((pixels - mean) / std).cpu().numpy())
    return np.concatenate(rows) if rows else np.zeros((0, model.num_features), np.float32)
