"""CLIP models in transformers' form, such as PLIP, with open_clip's interface."""

from types import SimpleNamespace
from typing import Any

SCHEME = "transformers:"


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
    words = CLIPTokenizerFast.from_pretrained(name)
    steps: Any = CLIPImageProcessor.from_pretrained(name)
    length = model.config.text_config.max_position_embeddings

    def tokenize(texts: str | list[str]) -> Any:
        # Padding after the end of a text changes nothing: attention is causal.
        return words(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")["input_ids"]

    pixels = {"mean": list(steps.image_mean), "std": list(steps.image_std)}
    preprocess: dict[str, Any] = pixels | {"interpolation": "bicubic", "resize_mode": "shortest"}
    return Wrapped(model).eval(), tokenize, preprocess, {"transformers": name.rsplit("/", 1)[-1]}
