"""A frozen image network from timm, with weights from a package, a file or timm's own hub."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import StageError
from stages.common.models.weights import is_local, locate, why_missing

PACKAGED = (0.5, 0.5, 0.5)  # mean and deviation that the packaged efficientnet-lite0 weights were trained with


class Backbone:
    """The timm model `name`, headless, for pictures of `size` x `size` pixels.

    `weights` is a place for `locate`, or "hub" for timm's pretrained weights. Raises StageError where
    either cannot be had.
    """

    def __init__(self, name: str, weights: str, size: int, device: str = "cpu") -> None:
        import timm
        import torch

        try:
            model = timm.create_model(name, pretrained=weights == "hub", num_classes=0)
        except RuntimeError as error:
            raise StageError(f"unknown timm model '{name}': {error}") from None
        except (OSError, ValueError) as error:
            raise StageError(f"weights '{weights}' of '{name}' cannot be had: {why_missing(error)}") from None
        mean = std = PACKAGED
        if weights == "hub":
            mean, std = model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
        else:
            load_matching(model, weights)
        self._size, self._width, self._device = size, model.num_features, device
        self._mean, self._std = (torch.tensor(value, device=device).view(3, 1, 1) for value in (mean, std))
        # Frames are stored with channels last, and convolutions are faster on that layout. Freezing the graph folds
        # normalisation layers into convolutions.
        example = torch.zeros(1, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            model = model.eval().to(device, memory_format=torch.channels_last)
            self._model = torch.jit.freeze(torch.jit.trace(model, example, check_trace=False))

    def features(self, images: Sequence[NDArray[np.uint8]], batch: int = 32) -> NDArray[np.float32]:
        """Return one feature vector per row for RGB `images` of any size."""
        import cv2
        import torch

        rows = []
        with torch.inference_mode():
            for begin in range(0, len(images), batch):
                part = [
                    cv2.resize(image, (self._size, self._size), interpolation=cv2.INTER_AREA)
                    for image in images[begin : begin + batch]
                ]
                pixels = torch.from_numpy(np.stack(part)).to(self._device).permute(0, 3, 1, 2).float().div(255)
                rows.append(self._model((pixels - self._mean) / self._std).cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, self._width), np.float32)


def load_matching(model: Any, weights: str) -> None:
    """Copy the checkpoint at `weights` into `model`, by name where all names are there, else by order and shape."""
    import torch

    if not is_local(weights):
        raise StageError(f"weights '{weights}': neither a package nor a file: check the parameter")
    path = locate(weights)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever a broken or a hostile file makes the reader raise; its advice is to trust the file
        raise StageError(
            f"weights '{weights}' are no tensors alone: give a checkpoint that holds nothing else"
        ) from None
    own = model.state_dict()
    if own.keys() <= state.keys():
        model.load_state_dict({key: state[key] for key in own})
        return
    if len(state) < len(own) or any(a.shape != b.shape for a, b in zip(own.values(), state.values(), strict=False)):
        raise StageError(f"weights '{weights}' do not fit the model: {len(state)} tensors for {len(own)}")
    model.load_state_dict(dict(zip(own, state.values(), strict=False)))
