"""The weights of a CLIP of vision and text transformers under open_clip's names and under those of transformers."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

Tensors = dict[str, Any]
Place = tuple[tuple[str, ...], str, bool]  # names in transformers, one in open_clip, and whether its axes are swapped

IN_TRANSFORMERS, IN_OPEN_CLIP = "encoder.layers", "transformer.resblocks"
TOWERS = (("text_model.", ""), ("vision_model.", "visual."))
SINGLE = {
    "logit_scale": "logit_scale",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
    "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
}
SWAPPED = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}
OF_A_LAYER = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def to_open_clip(state: Tensors) -> Tensors:
    """The weights of transformers' CLIPModel under open_clip's names. Raises KeyError where one is missing."""
    import torch

    found = {}
    for theirs, ours, swapped in _places(state, IN_TRANSFORMERS, [one for one, _ in TOWERS]):
        tensor = torch.cat([state[name] for name in theirs]) if len(theirs) > 1 else state[theirs[0]]
        found[ours] = tensor.T.contiguous() if swapped else tensor
    return found


def to_transformers(state: Tensors) -> Tensors:
    """The weights of open_clip's CLIP under the names of transformers' CLIPModel. Raises KeyError where one is
    missing."""
    found: Tensors = {}
    for theirs, ours, swapped in _places(state, IN_OPEN_CLIP, [one for _, one in TOWERS]):
        tensor = state[ours].T if swapped else state[ours]
        parts = tensor.chunk(len(theirs)) if len(theirs) > 1 else (tensor,)
        found |= {name: part.contiguous().clone() for name, part in zip(theirs, parts, strict=True)}
    return found


def _places(state: Iterable[str], layers: str, towers: Iterable[str]) -> Iterator[Place]:
    """The places of all weights, for as many `layers` in each of the `towers` as `state` has."""
    yield from (((theirs,), ours, False) for theirs, ours in SINGLE.items())
    yield from (((theirs,), ours, True) for theirs, ours in SWAPPED.items())
    for (theirs, ours), tower in zip(TOWERS, towers, strict=True):
        found = (re.match(rf"{re.escape(tower + layers)}\.(\d+)\.", name) for name in state)
        for number in range(1 + max((int(one[1]) for one in found if one), default=-1)):
            yield from _of_a_layer(f"{theirs}{IN_TRANSFORMERS}.{number}.", f"{ours}{IN_OPEN_CLIP}.{number}.")


def _of_a_layer(theirs: str, ours: str) -> Iterator[Place]:
    for kind in ("weight", "bias"):
        attention = tuple(f"{theirs}self_attn.{part}_proj.{kind}" for part in "qkv")
        yield attention, f"{ours}attn.in_proj_{kind}", False
        yield from (((f"{theirs}{one}.{kind}",), f"{ours}{other}.{kind}", False) for one, other in OF_A_LAYER.items())
