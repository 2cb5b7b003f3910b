"""The frame classifier that the Quilt-1M authors published: two ConvNeXts and a DINO with a linear head.

A frame is histology when any of the three says so (quilt1m repository, data/model_utils.py and main.py). Every member
sees the frame at 384 x 384 pixels, normalised like ImageNet, its middle cut out and brought back to 384.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.frame_filter.faces import shows_face
from stages.common.frame_filter.prediction import PERSON, Prediction, Scores
from stages.common.regions.content import LONG_SIDE

SIDE = 384
CONVS = {"conv_0": 300, "conv_1": 300}  # members, and pixels of the centre crop of each
DINO, DINO_CROP, DINO_BLOCKS = "dino", 224, 4
HEAD = "dino_head"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = 16


def member(name: str) -> Any:
    """An untrained network of the shape of member `name`: conv_0, conv_1, dino or dino_head."""
    import timm
    import torch

    if name in CONVS:
        return timm.create_model("convnext_tiny.fb_in22k_ft_in1k_384", num_classes=2)
    if name == HEAD:
        return torch.nn.Linear(DINO_BLOCKS * 384, 2)
    return timm.create_model("vit_small_patch16_224.dino", num_classes=0, dynamic_img_size=True)


class PublishedEnsemble:
    """The ensemble, from the safetensors files that the stage frame_filter made of the published checkpoints."""

    threshold = 0.5  # of two classes the likelier one: the members' argmax

    def __init__(self, folder: Path, device: str) -> None:
        from safetensors.torch import load_file

        self._device = device
        self._members = {}
        for name in (*CONVS, DINO, HEAD):
            network = member(name)
            network.load_state_dict(load_file(folder / f"{name}.safetensors"))
            self._members[name] = network.to(device).eval()

    @property
    def long_side(self) -> int:
        """Pixels that the longer side of a frame needs so that its regions are found and the filter loses no detail."""
        return max(LONG_SIDE, 2 * SIDE)

    def predict(self, images: Sequence[NDArray[np.uint8]], flags: bool = True) -> Prediction:
        """Predictions for RGB images of any size; features are DINO's, and the only flag is that of faces."""
        import torch

        features, scores = [], []
        with torch.inference_mode(), torch.autocast(self._device, enabled=self._device == "cuda"):
            for begin in range(0, len(images), BATCH):
                pixels = _normalised(images[begin : begin + BATCH]).to(self._device)
                tokens = self._dino_tokens(pixels)
                logits = [self._members[name](_middle(pixels, crop)) for name, crop in CONVS.items()]
                logits.append(self._members[HEAD](tokens))
                each = torch.stack([one.float().softmax(1)[:, 1] for one in logits])
                scores.append(each.max(0).values.cpu().numpy())
                features.append(tokens.float().cpu().numpy())
        rows = np.concatenate(features) if features else np.zeros((0, DINO_BLOCKS * 384), np.float32)
        histology = np.concatenate(scores) if scores else np.zeros(0, np.float32)
        return Prediction(rows, histology, self.flags(images, rows) if flags else {})

    def flags(self, images: Sequence[NDArray[np.uint8]], features: Scores) -> dict[str, Scores]:
        """The flags of images whose features were predicted before: that of faces."""
        return {PERSON: np.array([shows_face(image) for image in images], np.float32)}

    def is_histology(self, probability: float) -> bool:
        """Whether a frame of this probability counts as histology."""
        return probability >= self.threshold

    def _dino_tokens(self, pixels: Any) -> Any:
        """Class tokens of DINO's last blocks, side by side."""
        import torch

        layers = self._members[DINO].get_intermediate_layers(
            _middle(pixels, DINO_CROP), n=DINO_BLOCKS, return_prefix_tokens=True, norm=True
        )
        return torch.cat([prefix[:, 0] for _, prefix in layers], dim=-1)


def _normalised(images: Sequence[NDArray[np.uint8]]) -> Any:
    """A batch (n, 3, SIDE, SIDE), the aspect of the frames not kept."""
    import torch
    from torchvision.transforms.v2 import functional

    resized = [
        functional.resize(torch.from_numpy(image).permute(2, 0, 1).float().div(255), [SIDE, SIDE], antialias=True)
        for image in images
    ]
    return functional.normalize(torch.stack(resized), list(MEAN), list(STD))


def _middle(pixels: Any, crop: int) -> Any:
    """The middle `crop` pixels of a batch, brought back to its size."""
    from torchvision.transforms.v2 import functional

    return functional.resize(functional.center_crop(pixels, [crop, crop]), [SIDE, SIDE], antialias=True)
