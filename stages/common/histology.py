"""The fitted frame filter: is this frame histology?"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.backbone import features, load_backbone
from stages.common.errors import StageError
from stages.common.files import digest, read_json

SPEC, HEAD = "filter.json", "head.safetensors"


class FrameFilter:
    """A logistic head on a frozen backbone, loaded from the folder that the stage frame_filter makes."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        if not (folder / SPEC).exists():
            raise StageError(f"{folder / SPEC} not found: run `dvc repro frame_filter`")
        spec = read_json(folder / SPEC)
        head = load_file(folder / HEAD)
        self.size: int = spec["size"]
        self.threshold: float = spec["threshold"]
        self._coefficients, self._intercept = head["coefficients"], float(head["intercept"][0])
        self._backbone: Any = load_backbone(spec["backbone"], spec["weights"])

    def features(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Backbone features of RGB images, one row each."""
        return features(self._backbone, images, self.size)

    def probabilities(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of histology for each row of `features`."""
        return 1 / (1 + np.exp(-(rows @ self._coefficients + self._intercept)))

    def keeps(self, probability: float) -> bool:
        """Whether a frame of this probability counts as histology."""
        return probability >= self.threshold


@functools.cache
def load_filter(folder: Path) -> FrameFilter:
    """The filter in `folder`, loaded once per process."""
    return FrameFilter(folder)


def filter_digest(folder: Path) -> str:
    """Identity of the filter in `folder`, for item keys."""
    if not (folder / SPEC).exists():
        raise StageError(f"{folder / SPEC} not found: run `dvc repro frame_filter`")
    return digest(folder / SPEC, folder / HEAD)
