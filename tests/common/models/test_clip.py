"""Activations: weights run under the one they have learned with, whatever the model is called."""

import json

import open_clip
import pytest
import torch

from stages.common.errors import StageError
from stages.common.models.clip import build, load, named, save

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
QUICK = {"quick_gelu": True}
# model: (what its config says, {tag: what it says}), as open_clip's registry has them
MODELS = {
    "Tiny": ({}, {"openai": QUICK, "laion": {}}),
    "Tiny-quickgelu": (QUICK, {"openai": QUICK}),
    "Tiny-roberta": (QUICK, {"laion": {}}),
}


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """open_clip's registry with MODELS in it, whose tags all stand for the same weights, which are returned."""
    from open_clip import factory, pretrained

    monkeypatch.setattr(factory, "_MODEL_CONFIGS", dict(factory._MODEL_CONFIGS))
    monkeypatch.setattr(factory, "_MODEL_CONFIG_PATHS", list(factory._MODEL_CONFIG_PATHS))
    for name, (says, tags) in MODELS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(TINY | says))
        open_clip.add_model_config(tmp_path / f"{name}.json")
        cfgs = {tag: pretrained._pcfg(url="https://example.org/weights.pt", **more) for tag, more in tags.items()}
        monkeypatch.setitem(pretrained._PRETRAINED, name, cfgs)
    torch.manual_seed(0)
    weights = open_clip.create_model("Tiny", load_weights=False).state_dict()
    torch.save(weights, tmp_path / "weights.pt")
    monkeypatch.setattr(factory, "download_pretrained", lambda *_, **__: str(tmp_path / "weights.pt"))
    return tmp_path / "weights.pt"


def activations(clip):
    """Names of all activations of both towers."""
    return {type(module).__name__ for module in clip.model.modules() if "GELU" in type(module).__name__}


@pytest.mark.parametrize(
    ("place", "activation"),
    [
        ("Tiny@openai", "QuickGELU"),
        ("Tiny-quickgelu@openai", "QuickGELU"),
        ("Tiny@laion", "GELU"),
        ("Tiny-roberta@laion", "QuickGELU"),
        ("Tiny@none", "GELU"),
        ("Tiny-quickgelu@none", "QuickGELU"),
    ],
)
def test_weights_run_as_they_have_learned_and_stay_so_when_saved(registry, tmp_path, monkeypatch, place, activation):
    monkeypatch.chdir(tmp_path)
    clip = named(place)
    assert activations(clip) == {activation}
    save(clip, tmp_path / "saved")
    again = load((tmp_path / "saved").relative_to(tmp_path))
    assert activations(again) == {activation}
    pixels = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(clip.model.encode_image(pixels), again.model.encode_image(pixels))


def test_a_name_that_contradicts_its_weights_is_refused(registry):
    with pytest.raises(StageError, match="'laion' have learned without QuickGELU: use 'Tiny'"):
        named("Tiny-quickgelu@laion")


def test_a_checkpoint_runs_as_the_model_it_is_for(registry):
    assert activations(build("Tiny", str(registry), 0)) == {"GELU"}
    assert activations(build("Tiny-quickgelu", str(registry), 0)) == {"QuickGELU"}


@pytest.mark.parametrize(("says", "activation"), [({}, "GELU"), (QUICK, "QuickGELU")])
def test_a_model_of_ones_own_runs_as_its_file_says_also_when_saved(tmp_path, monkeypatch, says, activation):
    monkeypatch.chdir(tmp_path)
    steps = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "resize_mode": "shortest"}
    (tmp_path / "own.json").write_text(json.dumps(TINY | says | {"preprocess_cfg": steps}))
    clip = build(str(tmp_path / "own.json"), "none", 0)
    save(clip, tmp_path / "saved")
    assert activations(clip) == activations(named("local-dir:saved")) == {activation}


def test_a_start_that_would_be_ignored_or_random_is_refused(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StageError, match="'Tiny': say which weights"):
        named("Tiny")
    save(named("Tiny@openai"), tmp_path / "saved")
    with pytest.raises(StageError, match="comes with its weights: leave out the start 'openai'"):
        build("local-dir:saved", "openai", 0)
    for name in ("open_clip_model.safetensors", "model.safetensors"):
        (tmp_path / "saved" / name).unlink()
    with pytest.raises(StageError, match="could not be loaded"):
        named("local-dir:saved")


@pytest.mark.slow
def test_openais_own_model_runs_with_quickgelu(tmp_path, monkeypatch):
    """The registry as it is, but for towers of one layer, and weights of the right names and shapes."""
    from open_clip import factory

    monkeypatch.chdir(tmp_path)
    for name in ("ViT-B-32", "ViT-B-32-quickgelu"):
        config = factory._MODEL_CONFIGS[name]
        towers = {tower: config[tower] | {"layers": 1} for tower in ("vision_cfg", "text_cfg")}
        monkeypatch.setitem(factory._MODEL_CONFIGS, name, config | towers)
    torch.save(open_clip.create_model("ViT-B-32", load_weights=False).state_dict(), tmp_path / "weights.pt")
    monkeypatch.setattr(factory, "download_pretrained", lambda *_, **__: str(tmp_path / "weights.pt"))
    for place in ("ViT-B-32@openai", "ViT-B/32@openai", "ViT-B-32-quickgelu@openai"):
        clip = named(place)
        assert activations(clip) == {"QuickGELU"}
    save(clip, tmp_path / "saved")
    assert activations(named("local-dir:saved")) == {"QuickGELU"}
    assert activations(named("ViT-B-32@laion2b_s34b_b79k")) == {"GELU"}
    with pytest.raises(StageError, match="without QuickGELU: use 'ViT-B-32'"):
        named("ViT-B-32-quickgelu@laion2b_s34b_b79k")
