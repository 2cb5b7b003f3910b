"""Checkpoints in the forms people have them, read as tensors alone and under open_clip's names."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.common.data.files import read_json
from stages.common.errors import StageError
from stages.common.models.transformers_names import to_open_clip

Tensors = dict[str, Any]

# What a folder may hold; the first that is there is read.
FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors", "pytorch_model.bin")
PARTS = ("model-*-of-*.safetensors", "pytorch_model-*-of-*.bin")
NESTED = ("state_dict", "model_state_dict", "model", "module")  # keys that trainers put weights under
SCALE = "logit_scale"  # every CLIP has it; what stands before it, wrappers have put before every name
ADVICE = "save the model's state_dict() as safetensors"
UNSAFE = f"it is cut off, or holds more than tensors and would run code; it was not loaded: fetch it again, or {ADVICE}"

UNMERGED = f"holds LoRA adapters, which are not merged into the weights: call peft's merge_and_unload(), and {ADVICE}"


def load_weights(model: Any, path: Path) -> None:
    """Set `model`, one of open_clip's, to the weights in `path`, a file or a folder of open_clip, transformers (a
    CLIPModel), a trainer or peft (merged).

    Raises StageError for a file that holds more than tensors or LoRA adapters; RuntimeError as load_state_dict does.
    """
    import open_clip
    import torch
    from open_clip.factory import convert_state_dict, resize_pos_embed, resize_text_pos_embed
    from open_clip.model import convert_to_custom_text_state_dict

    if path.suffix in (".npz", ".npy"):
        open_clip.load_checkpoint(model, str(path))
        return
    state = convert_state_dict(model, read_tensors(path))
    whole = hasattr(model, "positional_embedding")  # the text tower's parts are the model's own
    if "positional_embedding" in state and not whole:
        state = convert_to_custom_text_state_dict(state)
    if "text.positional_embedding" in state and whole:
        state = {name.removeprefix("text."): tensor for name, tensor in state.items()}
    state.pop("text.transformer.embeddings.position_ids", None)  # of old releases of transformers
    own = model.state_dict()
    if "logit_bias" in own and "logit_bias" not in state:  # a CLIP that SigLIP goes on from, as open_clip takes it
        state["logit_bias"] = torch.zeros(())
    for name in {"logit_scale", "logit_bias"} & state.keys() & own.keys():
        state[name] = state[name].reshape(own[name].shape)
    resize_pos_embed(state, model)
    resize_text_pos_embed(state, model)
    model.load_state_dict(state)


def read_tensors(path: Path) -> Tensors:
    """The tensors in `path`, a file or a folder, by name, without what trainers and wrappers put around them.

    Raises StageError where there is none, or more than tensors.
    """
    parts = _parts_in(path) if path.is_dir() else [path]
    if len(parts) > 1:
        state = {name: tensor for part in parts for name, tensor in _unwrapped(_stored(part)).items()}
    else:
        path = parts[0]
        state = _unwrapped(_stored(path))
    if not state:
        raise StageError(f"{path} holds no tensors: {ADVICE}")
    if any("lora_" in name for name in state):
        raise StageError(f"{path} {UNMERGED}")
    state = {name.replace(".base_layer.", "."): tensor for name, tensor in state.items()}
    if not any(name.startswith("vision_model.") for name in state):
        return state
    if "visual_projection.weight" not in state:
        raise StageError(f"{path} is a model of transformers that is no CLIPModel: convert it to open_clip's form")
    return to_open_clip(state)


def _parts_in(folder: Path) -> Sequence[Path]:
    """The file of weights in a folder, or those of a model that transformers has saved in parts."""
    if whole := [folder / name for name in FILES if (folder / name).exists()]:
        return whole[:1]
    for pattern in PARTS:
        if parts := sorted(folder.glob(pattern)):
            return parts
    check_merged(folder)
    raise StageError(f"{folder} holds no weights: none of {', '.join(FILES)} is there")


def check_merged(folder: Path) -> None:
    """Raise StageError for a folder that peft wrote: it holds adapters without the weights they belong to."""
    if (folder / "adapter_config.json").exists():
        raise StageError(f"{folder} {UNMERGED}")


def learned_activation(path: Path) -> str | None:
    """The activation that weights in transformers' form have learned with, as their config.json says."""
    file = (path if path.is_dir() else path.parent) / "config.json"
    if not file.exists() or (config := read_config(file)).get("model_type") != "clip":
        return None
    # A CLIPModel's default is quick_gelu; its config.json leaves out what is the default.
    vision = config.get("vision_config")
    return str(vision.get("hidden_act", "quick_gelu") if isinstance(vision, dict) else "quick_gelu")


def read_config(file: Path) -> dict[str, Any]:
    """What a model's configuration says. Raises StageError for a file that holds no JSON object."""
    try:
        found = read_json(file)
    except ValueError as error:
        found = error
    if not isinstance(found, dict):
        raise StageError(f"{file} is no configuration of a model, a JSON object: fetch it again")
    return found


def _stored(path: Path) -> Any:
    """What a file holds, read as tensors and containers alone."""
    import torch
    from safetensors.torch import load_file

    if _is_torchscript(path):
        raise StageError(
            f"{path} is a TorchScript archive, as OpenAI's own files are, and would run code: use the pretrained tag "
            f"(openai) instead, or {ADVICE}"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # whatever a broken or a hostile file makes the reader raise; its advice is to trust the file
        raise StageError(f"{path}: {UNSAFE}") from None


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except Exception:  # whatever a damaged file makes the reader raise
        return False


def _unwrapped(stored: Any) -> Tensors:
    import torch

    while isinstance(stored, Mapping):
        inner = next((stored[key] for key in NESTED if isinstance(stored.get(key), Mapping)), None)
        if inner is None:
            break
        stored = inner
    tensors = stored.items() if isinstance(stored, Mapping) else ()
    state = {str(name): tensor for name, tensor in tensors if isinstance(tensor, torch.Tensor)}
    prefix = next((name.removesuffix(SCALE) for name in state if name.endswith(SCALE)), "")
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}
