"""Embeddings as the stage embeddings wrote them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import StageError

MODELS = ("start", "tuned")
TRAIN, VALIDATION, TEST, UNSPLIT = 0, 1, 2, 3


def load_set(folder: Path, model: str, name: str) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of one set: image, text, and label and split or matches."""
    from safetensors.numpy import load_file

    path = folder / model / f"{name}.safetensors"
    if not path.exists():
        raise StageError(f"{path} not found: run `dvc repro embeddings`")
    arrays: dict[str, NDArray[np.generic]] = load_file(path)
    return arrays
