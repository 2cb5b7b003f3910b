"""CLIP models through open_clip: built from its registry or from a config file, saved and loaded as `local-dir:`."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.backbone import load_matching
from stages.common.errors import StageError
from stages.common.files import read_json, write_json
from stages.common.weights import PACKAGE, locate

Vectors = NDArray[np.float32]

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
TEXT_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
FROM_SCRATCH, FROM_TOWERS = "none", "towers"


@dataclass
class Clip:
    """A model with its tokenizer, how pixels are normalised, and its config in open_clip's terms."""

    model: Any
    tokenizer: Any
    preprocess: dict[str, Any]
    config: dict[str, Any]
    text_folder: Path | None = field(default=None)

    @property
    def image_size(self) -> int:
        """Side of the square the model looks at, in pixels."""
        size = self.model.visual.image_size
        return int(size[0] if isinstance(size, tuple | list) else size)

    def transform(self, **augmentation: Any) -> Any:
        """open_clip's transform: for training where augmentation options are given, for evaluation otherwise."""
        from open_clip import image_transform

        return image_transform(
            self.image_size, is_train=bool(augmentation), aug_cfg=augmentation or None, **self.preprocess
        )


def build(model: str, start: str, seed: int) -> Clip:
    """Return the model to begin with; the same arguments give the same weights on the same machine.

    Args:
        model: a name that open_clip knows (also `hf-hub:` and `local-dir:`), or a .json file with embed_dim,
            vision_cfg, text_cfg, preprocess_cfg and image_tower_weights; places may be `package:` ones.
        start: none (from scratch), towers (a .json model's own pretrained towers, projections drawn from `seed`), or
            an open_clip pretrained tag or checkpoint file.

    Raises StageError for a name or start that cannot be had.
    """
    import torch

    torch.manual_seed(seed)
    return _from_file(Path(model), start) if model.endswith(".json") else _from_registry(model, start)


def load(folder: Path) -> Clip:
    """Return the model that `save` wrote to `folder`."""
    import open_clip

    if not (folder / WEIGHTS).exists():
        raise StageError(f"{folder / WEIGHTS} not found: run `dvc repro quiltnet`")
    name = f"local-dir:{folder}"
    stored = read_json(folder / CONFIG)
    model, _, _ = open_clip.create_model_and_transforms(name)
    return Clip(model.eval(), open_clip.get_tokenizer(name), stored["preprocess_cfg"], stored["model_cfg"])


def save(clip: Clip, folder: Path) -> None:
    """Write `clip` to `folder` so that open_clip loads it as `local-dir:FOLDER` from the repository root."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads(json.dumps(clip.config))
    if clip.text_folder is not None:
        for name in TEXT_FILES:
            if (clip.text_folder / name).exists():
                shutil.copyfile(clip.text_folder / name, folder / name)
        config["text_cfg"] |= {
            "hf_model_name": folder.as_posix(),
            "hf_tokenizer_name": folder.as_posix(),
            "hf_model_pretrained": False,
        }
    write_json(folder / CONFIG, {"model_cfg": config, "preprocess_cfg": clip.preprocess})
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in clip.model.state_dict().items()}
    save_file(weights, folder / WEIGHTS)


def embed_texts(clip: Clip, texts: Sequence[str], batch_size: int, device: str) -> Vectors:
    """Return one unit vector a row for texts."""
    import torch

    rows = []
    with torch.inference_mode():
        for begin in range(0, len(texts), batch_size):
            tokens = clip.tokenizer(list(texts[begin : begin + batch_size])).to(device)
            rows.append(clip.model.encode_text(tokens, normalize=True).float().cpu().numpy())
    return np.concatenate(rows)


def _from_file(path: Path, start: str) -> Clip:
    import open_clip
    from open_clip.model import CustomTextCLIP

    if not path.exists():
        raise StageError(f"quiltnet.model: {path} not found: see stages/quiltnet/configs for those there are")
    config = read_json(path)
    preprocess, image_weights = config.pop("preprocess_cfg"), config.pop("image_tower_weights", "")
    text = config["text_cfg"]
    folder = locate(text["hf_model_name"]) if text["hf_model_name"].startswith(PACKAGE) else Path(text["hf_model_name"])
    here = text | {
        "hf_model_name": str(folder),
        "hf_tokenizer_name": str(folder),
        "hf_model_pretrained": start == FROM_TOWERS,
    }
    model = CustomTextCLIP(config["embed_dim"], config["vision_cfg"], here)
    if start == FROM_TOWERS and image_weights:
        load_matching(model.visual.trunk, image_weights)
    elif start not in (FROM_SCRATCH, FROM_TOWERS):
        open_clip.load_checkpoint(model, str(locate(start)))
    tokenizer = open_clip.tokenizer.HFTokenizer(str(folder), context_length=text["context_length"])
    return Clip(model, tokenizer, preprocess, config, folder)


def _from_registry(name: str, start: str) -> Clip:
    import open_clip

    try:
        pretrained = None if start == FROM_SCRATCH else start
        model, _, _ = open_clip.create_model_and_transforms(name, pretrained=pretrained)
    except (RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StageError(f"quiltnet.model '{name}' with start '{start}' cannot be had: {reason}") from None
    steps = open_clip.get_model_preprocess_cfg(model)
    preprocess = {key: steps[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    config = open_clip.get_model_config(name) if "://" not in name and ":" not in name else {}
    return Clip(model, open_clip.get_tokenizer(name), preprocess, config or {})
