"""Checkpoints in the forms people have them: loaded, or one line that says what to do."""

import argparse
import json
import re

import open_clip
import pytest
import torch
import transformers
from safetensors.torch import save_file
from training import TINY

from stages.common.errors import StageError
from stages.common.models.checkpoint import read_tensors
from stages.common.models.clip import build, named
from stages.common.models.transformers_names import to_open_clip, to_transformers


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """`Small` is a plain CLIP of open_clip's registry, small.json the same towers in a file, and weights of theirs."""
    from open_clip import factory

    monkeypatch.setattr(factory, "_MODEL_CONFIGS", dict(factory._MODEL_CONFIGS))
    monkeypatch.setattr(factory, "_MODEL_CONFIG_PATHS", list(factory._MODEL_CONFIG_PATHS))
    towers = {key: value for key, value in TINY.items() if key != "preprocess_cfg"}
    for name, more in (("Small", {}), ("Small-quickgelu", {"quick_gelu": True})):
        (tmp_path / f"{name}.json").write_text(json.dumps(towers | more))
        open_clip.add_model_config(tmp_path / f"{name}.json")
    (tmp_path / "small.json").write_text(json.dumps(TINY))
    torch.manual_seed(9)
    return {name: torch.randn_like(t) for name, t in open_clip.create_model("Small").state_dict().items()}


def prefixed(prefix):
    return lambda state: {f"{prefix}{name}": tensor for name, tensor in state.items()}


def custom_text(state):
    own = ("visual.", "logit_scale")
    return {name if name.startswith(own) else f"text.{name}": tensor for name, tensor in state.items()}


FORMS = {
    "plain": dict,
    "epoch of open_clip_train": lambda state: {"epoch": 3, "name": "run", "state_dict": prefixed("module.")(state)},
    "compiled": prefixed("_orig_mod."),
    "compiled and distributed": prefixed("module._orig_mod."),
    "lightning": lambda state: {"state_dict": prefixed("model.")(state), "global_step": 7},
    "lightning, by another name": lambda state: {"state_dict": prefixed("net.clip_model.")(state)},
    "model and optimizer": lambda state: {"model": state, "optimizer": {"state": {}}, "step": torch.tensor(1)},
    "merged by peft": lambda state: prefixed("base_model.model.")(
        {name.replace("mlp.c_fc.", "mlp.c_fc.base_layer."): tensor for name, tensor in state.items()}
    ),
    "half precision": lambda state: {name: tensor.half() for name, tensor in state.items()},
    "a text tower apart": custom_text,
    "transformers": to_transformers,
    "transformers, of an old release": lambda state: (
        to_transformers(state) | {"text_model.embeddings.position_ids": torch.arange(16)[None]}
    ),
    "scale of one number in a list": lambda state: state | {"logit_scale": state["logit_scale"][None]},
}


FLAT = ["plain", "compiled and distributed", "merged by peft", "half precision", "transformers"]


@pytest.mark.parametrize(("form", "ending"), [*((one, "pt") for one in FORMS), *((one, "safetensors") for one in FLAT)])
@pytest.mark.parametrize("model", ["Small", "small.json"])
def test_weights_are_the_same_in_every_form(registry, tmp_path, monkeypatch, model, form, ending):
    monkeypatch.chdir(tmp_path)
    stored, path = FORMS[form](registry), tmp_path / f"weights.{ending}"
    if ending == "pt":
        torch.save(stored, path)
    else:
        save_file({name: tensor.contiguous() for name, tensor in stored.items()}, path)
    found = build(model, str(path), 0).model.state_dict()
    expected = custom_text(registry) if model.endswith(".json") else registry
    assert found.keys() == expected.keys()
    exact = 0 if form != "half precision" else 1e-2
    assert all(torch.allclose(found[name], expected[name], atol=exact) for name in found)


@pytest.mark.parametrize("model", ["Small", "small.json"])
def test_transformers_names_are_those_of_a_real_clip_model(registry, tmp_path, monkeypatch, model):
    """A CLIPModel of random weights gives the vectors that it gives in transformers."""
    sizes = {"intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_act": "gelu"}
    text = {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 1, "max_position_embeddings": 16}
    config = transformers.CLIPConfig(
        text_config=sizes | text | {"vocab_size": 49408, "eos_token_id": 49407},
        vision_config=sizes | {"hidden_size": 64, "image_size": 32, "patch_size": 8},
        projection_dim=32,
    )
    torch.manual_seed(1)
    theirs = transformers.CLIPModel(config).eval()
    theirs.save_pretrained(tmp_path / "plip")
    monkeypatch.chdir(tmp_path)
    clip = build(model, "plip", 0)
    pixels, tokens = torch.randn(2, 3, 32, 32), clip.tokenizer(["adipose tissue", "a naevus"])
    with torch.inference_mode():
        found = torch.cat([clip.model.eval().encode_image(pixels), clip.model.encode_text(tokens)])
        expected = [theirs.get_image_features(pixel_values=pixels), theirs.get_text_features(input_ids=tokens)]
    assert torch.allclose(found, torch.cat(expected), atol=1e-5)
    state = theirs.state_dict()
    back = to_transformers(to_open_clip(state))
    assert all(torch.equal(back[name], state[name]) for name in back)


@pytest.mark.parametrize("says", ["quick_gelu", "gelu", None])
def test_a_checkpoint_of_transformers_runs_with_the_activation_it_has_learned_with(registry, tmp_path, says):
    folder = tmp_path / "plip"
    folder.mkdir()
    save_file(to_transformers(registry), folder / "model.safetensors")
    vision = {"hidden_act": says} if says else {}
    (folder / "config.json").write_text(json.dumps({"model_type": "clip", "vision_config": vision}))
    for model in ("Small", str(tmp_path / "small.json")):
        names = {type(module).__name__ for module in build(model, str(folder), 0).model.modules()}
        assert ("QuickGELU" in names) == (says != "gelu"), "quick_gelu is the default of transformers"
    if says == "gelu":
        with pytest.raises(StageError, match="learned without QuickGELU: use 'Small'"):
            build("Small-quickgelu", str(folder / "model.safetensors"), 0)


class Archive(torch.nn.Module):
    """A module as OpenAI packs its models."""

    def __init__(self):
        super().__init__()
        self.visual = torch.nn.Linear(2, 2)

    def forward(self, x):
        return self.visual(x)


def adapters(state):
    name = "visual.transformer.resblocks.0.mlp.c_fc"
    return state | {f"{name}.lora_A.default.weight": torch.zeros(2, 64)}


REFUSED = {
    "OpenAI's archive": (
        lambda path, _: torch.jit.script(Archive()).save(path),
        r"is a TorchScript archive.*use the pretrained tag \(openai\)",
    ),
    "adapters beside weights": (
        lambda path, state: torch.save(adapters(state), path),
        r"holds LoRA adapters.*call peft's merge_and_unload\(\)",
    ),
    "code": (
        lambda path, state: torch.save({"state_dict": state, "args": argparse.Namespace(lr=1)}, path),
        "holds more than tensors and would run code",
    ),
    "cut off": (lambda path, _: open(path, "wb").write(b"PK\x03\x04 cut"), "is cut off"),  # noqa: PTH123, SIM115
    "a page of a hub": (lambda path, _: open(path, "w").write("<!doctype html>"), "is cut off"),  # noqa: PTH123, SIM115
    "no tensors": (lambda path, _: torch.save({"epoch": 1}, path), "holds no tensors"),
    "another model": (
        lambda path, state: torch.save({**state, "visual.proj": torch.zeros(3, 3)}, path),
        "visual.proj",
    ),
    "SigLIP": (
        lambda path, _: torch.save({"vision_model.head.probe": torch.zeros(1)}, path),
        "is a model of transformers that is no CLIPModel",
    ),
}


@pytest.mark.parametrize("form", REFUSED)
@pytest.mark.parametrize("model", ["Small", "small.json"])
def test_what_cannot_be_loaded_is_one_line_that_trusts_nobody(registry, tmp_path, monkeypatch, model, form):
    monkeypatch.chdir(tmp_path)
    write, message = REFUSED[form]
    write("weights.pt", registry)
    with pytest.raises(StageError, match=message) as error:
        build(model, "weights.pt", 0)
    assert "\n" not in str(error.value)
    assert "weights.pt" in str(error.value)
    assert not re.search("weights_only|allowlist|safe_globals", str(error.value))


def test_a_folder_without_weights_says_what_it_looked_for(tmp_path):
    with pytest.raises(StageError, match="holds no weights: none of open_clip_model.safetensors"):
        read_tensors(tmp_path)


def test_a_model_in_parts_is_read_whole(registry, tmp_path):
    state = to_transformers(registry)
    for number in range(3):
        part = {name: state[name].contiguous() for name in sorted(state)[number::3]}
        save_file(part, tmp_path / f"model-{number + 1:05}-of-00003.safetensors")
    found = build("Small", str(tmp_path), 0).model.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in registry.items())
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(StageError, match=tmp_path.name):
        build("Small", str(tmp_path), 0)


@pytest.mark.parametrize("place", ["Small@{}", "local-dir:{}", "transformers:{}"])
def test_a_folder_of_adapters_says_what_to_do_with_them(registry, tmp_path, place):
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(StageError, match=r"^[^\n]* holds LoRA adapters.*call peft's merge_and_unload\(\)"):
        named(place.format(tmp_path))


def test_a_folder_in_open_clips_form_is_not_trusted_either(registry, tmp_path):
    towers = {key: value for key, value in TINY.items() if key != "preprocess_cfg"}
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub/open_clip_config.json").write_text(json.dumps({"model_cfg": towers, "preprocess_cfg": {}}))
    path = tmp_path / "hub/open_clip_pytorch_model.bin"
    for content in ({**registry, "args": argparse.Namespace(lr=1)}, None):
        torch.save(content, path) if content else torch.jit.script(Archive()).save(path)
        with pytest.raises(StageError, match="hub.*would run code; it was not loaded: [^\n]*$") as error:
            named(f"local-dir:{tmp_path / 'hub'}")
        assert "weights_only" not in str(error.value)
    torch.save({"state_dict": prefixed("module.")(registry)}, path)
    assert named(f"local-dir:{tmp_path / 'hub'}").image_size == 32
