"""CLIP models through open_clip: built from its registry or from a config file, saved and loaded as `local-dir:`."""

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from stages.common.data.files import write_json
from stages.common.errors import StageError
from stages.common.models.backbone import load_matching
from stages.common.models.checkpoint import UNSAFE, check_merged, learned_activation, load_weights, read_config
from stages.common.models.transformers_clip import SCHEME, load_transformers, save_transformers
from stages.common.models.weights import PACKAGE, is_local, locate, why_missing

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
FROM_SCRATCH, FROM_TOWERS = "none", "towers"
FOLDER = "local-dir:"
BIAS = "init_logit_bias"  # of a model with a bias of its logits
QUICK = "quick_gelu"  # as transformers calls the activation


@dataclass
class Clip:
    """A model with its tokenizer, how pixels are normalised, and its config in open_clip's terms."""

    model: Any
    tokenizer: Any
    preprocess: dict[str, Any]
    config: dict[str, Any]

    @property
    def image_size(self) -> int:
        """Side of the model's square input, in pixels."""
        size = self.model.visual.image_size
        return int(size[0] if isinstance(size, tuple | list) else size)

    def transform(self, *, squash: bool = False, **augmentation: Any) -> Any:
        """open_clip's transform: for training where augmentation options are given, for evaluation otherwise;
        `squash` resizes the whole picture to a square, its aspect not kept."""
        from open_clip import image_transform

        steps = self.preprocess | ({"resize_mode": "squash"} if squash else {})
        return image_transform(self.image_size, is_train=bool(augmentation), aug_cfg=augmentation or None, **steps)


def build(model: str, start: str, seed: int, *, patch_dropout: float = 0.0, siglip: bool = False) -> Clip:
    """Return the model to begin with; the same arguments give the same weights on the same machine.

    Args:
        model: a name that open_clip knows (also `hf-hub:` and `local-dir:`), or a .json file with embed_dim,
            vision_cfg, text_cfg, preprocess_cfg and image_tower_weights; places may be `package:` ones.
        start: none (from scratch), towers (a .json model's own pretrained towers, projections drawn from `seed`), ""
            (what `hf-hub:` or `local-dir:` come with), or an open_clip pretrained tag, or a checkpoint
            (see load_weights).
        patch_dropout: share of a ViT's patches that a step of training leaves out (patch dropout: FLIP, Li et al.
            2023); it is not saved.
        siglip: give a model that has none a bias of its logits, with SigLIP's scale to begin with.

    Raises StageError for a name or start that cannot be had, and for a checkpoint that does not fit, naming its key.
    """
    import torch

    torch.manual_seed(seed)
    of = _from_file if model.endswith(".json") else _from_registry
    clip = of(model, start, patch_dropout, siglip)
    if patch_dropout and not any("PatchDropout" in type(part).__name__ for part in clip.model.modules()):
        raise StageError(
            f"quiltnet.patch_dropout: the image tower of '{model}' has no patches to leave out: set it to 0"
        )
    return clip


def named(place: str) -> Clip:
    """Return the pretrained model `MODEL@PRETRAINED` in open_clip's names, `hf-hub:NAME`, `local-dir:FOLDER` or
    `transformers:NAME`. Raises StageError where it cannot be had."""
    check_merged(Path(place.partition(":")[2]))
    if place.startswith(SCHEME):
        with _explained(f"model '{place}'"):
            return Clip(*load_transformers(place.removeprefix(SCHEME)))
    model, _, pretrained = place.partition("@")
    return build(model, pretrained, 0)


def load(folder: Path) -> Clip:
    """Return the model that `save` wrote to `folder`."""
    if not (folder / WEIGHTS).exists():
        raise StageError(f"{folder / WEIGHTS} not found: run `dvc repro quiltnet`")
    return named(f"{FOLDER}{folder}")


def save(clip: Clip, folder: Path) -> None:
    """Write `clip` to `folder` so that `named` loads it as `local-dir:FOLDER` wherever the folder is.

    So does open_clip, and transformers loads it as a CLIPModel where it can. But open_clip finds a text tower of
    transformers by its name alone: that on a hub, or else `folder`, seen from the repository root.
    """
    from open_clip.tokenizer import HFTokenizer
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads(json.dumps(clip.config))
    text = config["text_cfg"]
    if isinstance(clip.tokenizer, HFTokenizer):
        clip.tokenizer.tokenizer.save_pretrained(folder)
        text["hf_tokenizer_name"] = _hub_name_or(folder, text.get("hf_tokenizer_name", ""))
    if "hf_model_name" in text:
        clip.model.text.config.save_pretrained(folder)
        text |= {"hf_model_name": _hub_name_or(folder, text["hf_model_name"]), "hf_model_pretrained": False}
    write_json(folder / CONFIG, {"model_cfg": config, "preprocess_cfg": clip.preprocess})
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in clip.model.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    save_transformers(folder, config, clip.preprocess, clip.tokenizer, weights)


def _hub_name_or(folder: Path, name: str) -> str:
    """`name` where it is one on a hub, else that of `folder`, written so that it cannot be taken for one on a hub."""
    if name and not name.startswith((PACKAGE, ".", "/")) and not Path(name).exists():
        return name
    return folder.as_posix() if folder.is_absolute() else f"./{folder.as_posix()}"


def _from_file(name: str, start: str, patch_dropout: float, siglip: bool) -> Clip:
    import open_clip
    from open_clip.coca_model import CoCa
    from open_clip.model import CustomTextCLIP

    path = Path(name)
    if not path.exists():
        raise StageError(f"quiltnet.model: {path} not found: see stages/quiltnet/configs for those there are")
    config = read_config(path)
    preprocess, image_weights = config.pop("preprocess_cfg"), config.pop("image_tower_weights", "")
    config.pop("custom_text", None)  # both classes below always have a separate text tower
    config |= _logit_bias(config, siglip)
    if start not in (FROM_SCRATCH, FROM_TOWERS) and (activation := learned_activation(locate(start))):
        config["quick_gelu"] = activation == QUICK
    text = config["text_cfg"]
    here, tokenizer = text, open_clip.tokenizer.SimpleTokenizer(context_length=text["context_length"])
    if place := text.get("hf_model_name"):
        folder = str(locate(place) if place.startswith(PACKAGE) else Path(place))
        names = {"hf_model_name": folder, "hf_tokenizer_name": folder, "hf_model_pretrained": start == FROM_TOWERS}
        here, tokenizer = text | names, open_clip.tokenizer.HFTokenizer(folder, context_length=text["context_length"])
    with _explained(f"model '{path}'"):
        dropping = {"patch_dropout": patch_dropout} if patch_dropout else {}
        built = config | {"text_cfg": here, "vision_cfg": config["vision_cfg"] | dropping}
        model = CoCa(**built) if "multimodal_cfg" in config else CustomTextCLIP(**built)
        _draw_decoder(model)
    if start == FROM_TOWERS and image_weights:
        with _explained(f"image tower {image_weights}"):
            load_matching(model.visual.trunk, image_weights)
    elif start not in (FROM_SCRATCH, FROM_TOWERS):
        checkpoint = locate(start)
        with _explained(f"checkpoint {checkpoint}"):
            load_weights(model, checkpoint)
    return Clip(model, tokenizer, preprocess, config | {"custom_text": True})


def _from_registry(name: str, start: str, patch_dropout: float, siglip: bool) -> Clip:
    import open_clip

    scratch, scheme = start == FROM_SCRATCH, ":" in name
    if scheme and start and not scratch:
        raise StageError(f"model '{name}' comes with its weights: leave out the start '{start}'")
    if not scheme and not start:
        raise StageError(f"model '{name}': say which weights it starts from (as '{name}@PRETRAINED'), or none")
    name = name if scheme else name.replace("/", "-")  # as open_clip takes it
    with _explained(f"model '{name}' with start '{start}'"):
        config = open_clip.get_model_config(name) or {}
        bias = _logit_bias(config, siglip)
        quick_gelu = _quick_gelu(name, start, config)
        checkpoint = None if scratch or open_clip.get_pretrained_cfg(name, start) or not is_local(start) else start
        given = not scratch and not checkpoint  # open_clip finds the weights
        model, _, _ = open_clip.create_model_and_transforms(
            name,
            pretrained=start or None if given else None,
            load_weights=given,
            pretrained_text=given,
            require_pretrained=given,
            force_quick_gelu=quick_gelu,
            force_patch_dropout=patch_dropout or None,
            **_own_text_tower(name, config),
            **bias,
        )
        if not given:
            _draw_decoder(model)
        if checkpoint:
            load_weights(model, locate(checkpoint))
        tokenizer = open_clip.get_tokenizer(name)
    steps = open_clip.get_model_preprocess_cfg(model)
    preprocess = {key: steps[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    return Clip(model.eval(), tokenizer, preprocess, config | bias | {"quick_gelu": quick_gelu})


def _draw_decoder(model: Any) -> None:
    """Draw the projection of a CoCa's decoder, which open_clip leaves at whatever the memory holds, as it means to."""
    import torch

    if decoder := getattr(model, "text_decoder", None):
        torch.nn.init.normal_(decoder.text_projection, std=len(decoder.text_projection) ** -0.5)


def _logit_bias(config: dict[str, Any], wanted: bool) -> dict[str, float]:
    """What gives a model a bias of its logits and the scale that goes with it, as open_clip_train does for SigLIP."""
    return {"init_logit_scale": math.log(10), "init_logit_bias": -10.0} if wanted and BIAS not in config else {}


def _own_text_tower(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """What makes open_clip take the config of a transformers text tower from the folder that `save` wrote it to,
    wherever that is now."""
    from open_clip.hf_configs import arch_dict

    folder = Path(name.removeprefix(FOLDER))
    text = config.get("text_cfg", {})
    if not name.startswith(FOLDER) or "hf_model_name" not in text or not (folder / "config.json").exists():
        return {}
    if read_config(folder / "config.json").get("model_type") not in arch_dict:
        return {}
    return {"text_cfg": text | {"hf_model_name": str(folder), "hf_model_pretrained": False}}


def _quick_gelu(name: str, start: str, config: dict[str, Any]) -> bool:
    """Whether the model is to run with QuickGELU: as the pretrained tag or the checkpoint of transformers `start`
    learned, else as its config says.

    open_clip runs the weights of a tag under the activation of the model's name, and only warns. Raises StageError
    where the name asks for QuickGELU and the weights have learned without it.
    """
    from open_clip import get_pretrained_cfg

    quick, plain = bool(config.get("quick_gelu")), name.removesuffix("-quickgelu")
    tag = get_pretrained_cfg(name, start) or get_pretrained_cfg(plain, start)
    activation = learned_activation(Path(start)) if start and not tag and Path(start).exists() else None
    if not tag and activation is None:
        return quick
    # A tag that does not say means GELU, or the activation of a model that exists in one form only.
    learned = bool(tag.get("quick_gelu", quick and name == plain)) if tag else activation == QUICK
    if quick and not learned:
        raise StageError(f"model '{name}': the weights '{start}' have learned without QuickGELU: use '{plain}'")
    return learned


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what open_clip and torch raise into one line about `what`."""
    from safetensors import SafetensorError

    try:
        yield
    except UnpicklingError:
        raise StageError(f"{what}: {UNSAFE}") from None
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, SafetensorError, AttributeError) as error:
        if "weights_only" in str(error):  # torch's advice is to trust the file
            raise StageError(f"{what}: {UNSAFE}") from None
        raise StageError(f"{what} cannot be had: {why_missing(error)}") from None
