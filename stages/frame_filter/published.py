"""The authors' published checkpoints, made into files that load without running code from outside."""

from pathlib import Path
from typing import Any

from stages.common.data.files import write_bytes, write_json
from stages.common.errors import StageError
from stages.common.frame_filter.classifier import FILTER_KIND
from stages.common.frame_filter.ensemble import CONVS, DINO, HEAD, member
from stages.frame_filter.params import Params

PREFIXES = ("module.", "backbone.", "model.")
FILES = {"conv_0": "cyto_histo.pth.tar", "conv_1": "all_inclusive.pth.tar"}
FILES |= {DINO: "dino_deitsmall16_pretrain.pth", HEAD: "dino_checkpoint.pth.tar"}


def convert(params: Params, out: Path, metrics: Path) -> dict[str, Any]:
    """Write the four checkpoints of the folder `params.published` to `out` as safetensors; return counts.

    Raises StageError naming the file and the first key that is missing or has another shape.
    """
    from safetensors.torch import save

    folder = Path(params.published)
    for name in (*CONVS, DINO, HEAD):
        write_bytes(out / f"{name}.safetensors", save(_read(folder / FILES[name], member(name).state_dict())))
    FILTER_KIND.write(out / FILTER_KIND.path.name, {"kind": "published"})
    write_json(metrics, {"members": len(CONVS) + 1})
    return {"items": len(FILES)}


def _read(path: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Tensors of the checkpoint `path` under the names of `wanted`."""
    import torch

    if not path.exists():
        raise StageError(f"{path} not found: frame_filter.published is a folder with {', '.join(FILES.values())}")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a broken or a hostile file makes the reader raise
        reason = " ".join(str(error).split())[:160]
        raise StageError(f"{path} is not a checkpoint of tensors alone; it was not loaded: {reason}") from None
    stored = stored.get("state_dict", stored) if isinstance(stored, dict) else {}
    items = stored.items() if isinstance(stored, dict) else ()
    tensors = {_plain(str(key)): value for key, value in items if isinstance(value, torch.Tensor)}
    for key, tensor in wanted.items():
        # The published linear head is called `linear` in its checkpoint.
        found = tensors.get(key, tensors.get(f"linear.{key}"))
        if found is None:
            raise StageError(f"{path}: '{key}' is missing: is this the right checkpoint?")
        if found.shape != tensor.shape:
            raise StageError(f"{path}: '{key}' has shape {list(found.shape)}, expected {list(tensor.shape)}")
        wanted[key] = found.contiguous()
    return wanted


def _plain(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key
