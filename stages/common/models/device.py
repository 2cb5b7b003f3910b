"""Where tensors live."""

from stages.common.errors import StageError


def pick_device(wish: str) -> str:
    """Return "cuda" or "cpu" for `base.device`; raises StageError when a GPU is asked for and there is none."""
    import torch

    if wish == "cuda" and not torch.cuda.is_available():
        raise StageError("base.device is cuda but no GPU is visible: set it to auto or cpu, or check the driver")
    return ("cuda" if torch.cuda.is_available() else "cpu") if wish == "auto" else wish
