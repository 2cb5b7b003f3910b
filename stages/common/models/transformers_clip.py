"""CLIP models in transformers' form, such as PLIP, with open_clip's interface."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stages.common.data.files import write_bytes, write_json
from stages.common.models.transformers_names import to_transformers

SCHEME = "transformers:"
# Keys of a config of open_clip that CLIPModel has a counterpart for.
PLAIN = {"embed_dim", "quick_gelu", "custom_text", "vision_cfg", "text_cfg"}
PLAIN_IMAGE = {"image_size", "layers", "width", "head_width", "patch_size", "mlp_ratio"}
PLAIN_TEXT = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}
HEAD_WIDTH = 64  # of a vision transformer of open_clip that does not say
ENDS = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}  # open_clip's words, transformers'
INTERPOLATIONS = ("bilinear", "bicubic")


def load_transformers(name: str) -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
    """Return (model, tokenizer, how pixels are normalised, config) of a CLIPModel on the hub or in a folder.

    The model has encode_image, encode_text, logit_scale and visual.image_size, as open_clip's have. Weights are read as
    safetensors or without pickled code. Raises OSError or ValueError where the model cannot be had.
    """
    import torch
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

    class Wrapped(torch.nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model, self.logit_scale = model, model.logit_scale
            self.visual = SimpleNamespace(image_size=model.config.vision_config.image_size)

        def encode_image(self, pixels: Any, normalize: bool = False) -> Any:
            return self._unit(self.model.get_image_features(pixel_values=pixels), normalize)

        def encode_text(self, tokens: Any, normalize: bool = False) -> Any:
            return self._unit(self.model.get_text_features(input_ids=tokens), normalize)

        def _unit(self, vectors: Any, normalize: bool) -> Any:
            return torch.nn.functional.normalize(vectors, dim=-1) if normalize else vectors

    model = CLIPModel.from_pretrained(name)
    try:
        words = CLIPTokenizerFast.from_pretrained(name)
    except TypeError:  # of a path that is None
        raise ValueError("it has no tokenizer: save the CLIPProcessor it was trained with beside it") from None
    steps: Any = CLIPImageProcessor.from_pretrained(name)
    length = model.config.text_config.max_position_embeddings

    def tokenize(texts: str | list[str]) -> Any:
        # Padding after the end of a text changes nothing: attention is causal.
        return words(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")["input_ids"]

    pixels = {"mean": list(steps.image_mean), "std": list(steps.image_std)}
    preprocess: dict[str, Any] = pixels | {"interpolation": "bicubic", "resize_mode": "shortest"}
    return Wrapped(model).eval(), tokenize, preprocess, {"transformers": name.rsplit("/", 1)[-1]}


def save_transformers(
    folder: Path, config: dict[str, Any], preprocess: dict[str, Any], tokenizer: Any, weights: dict[str, Any]
) -> bool:
    """Write a model of open_clip to `folder` as a CLIPModel too, with its tokenizer and image processor; return whether
    transformers has a model of this form: vision and text transformers without open_clip's extras."""
    from open_clip.tokenizer import SimpleTokenizer
    from PIL.Image import Resampling
    from safetensors.torch import save_file
    from transformers import CLIPConfig, CLIPImageProcessor

    image, text = config["vision_cfg"], config["text_cfg"]
    plain = config.keys() <= PLAIN and image.keys() <= PLAIN_IMAGE and text.keys() <= PLAIN_TEXT
    steps = preprocess["resize_mode"] in ("shortest", "squash") and preprocess["interpolation"] in INTERPOLATIONS
    if not plain or not steps or not isinstance(image["layers"], int) or type(tokenizer) is not SimpleTokenizer:
        return False
    start, end = (tokenizer.encoder[word] for word in ENDS)
    activation = {"hidden_act": "quick_gelu" if config.get("quick_gelu") else "gelu"}
    CLIPConfig(
        text_config=_sizes(text, text["heads"])
        | activation
        | {"vocab_size": text["vocab_size"], "max_position_embeddings": text["context_length"]}
        | {"bos_token_id": start, "eos_token_id": end, "pad_token_id": end},
        vision_config=_sizes(image, image["width"] // image.get("head_width", HEAD_WIDTH))
        | activation
        | {"image_size": image["image_size"], "patch_size": image["patch_size"]},
        projection_dim=config["embed_dim"],
        architectures=["CLIPModel"],
    ).save_pretrained(folder)
    own = {name.removeprefix("text."): tensor for name, tensor in weights.items()}
    save_file(to_transformers(own), folder / "model.safetensors", metadata={"format": "pt"})
    side, squash = image["image_size"], preprocess["resize_mode"] == "squash"
    CLIPImageProcessor(
        size={"height": side, "width": side} if squash else {"shortest_edge": side},
        crop_size={"height": side, "width": side},
        resample=Resampling[preprocess["interpolation"].upper()],
        image_mean=list(preprocess["mean"]),
        image_std=list(preprocess["std"]),
    ).save_pretrained(folder)
    _save_words(folder, tokenizer, text["context_length"])
    return True


def _sizes(tower: dict[str, Any], heads: int) -> dict[str, int]:
    return {
        "hidden_size": tower["width"],
        "intermediate_size": int(tower["width"] * tower.get("mlp_ratio", 4)),
        "num_hidden_layers": tower["layers"],
        "num_attention_heads": heads,
    }


def _save_words(folder: Path, tokenizer: Any, length: int) -> None:
    """Write CLIP's byte-pair words as CLIPTokenizer reads them."""
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)
    write_json(folder / "vocab.json", {ENDS.get(word, word): number for word, number in tokenizer.encoder.items()})
    write_bytes(folder / "merges.txt", "\n".join(["#version: 0.2", *map(" ".join, merges), ""]).encode())
    start, end = ENDS.values()
    ends = {"bos_token": start, "eos_token": end, "unk_token": end, "pad_token": end}
    write_json(
        folder / "tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": length} | ends
    )
