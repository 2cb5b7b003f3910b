"""A saved model loads wherever its folder is, without a network: by this repository, open_clip and transformers."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
import transformers
from PIL import Image
from training import TINY

from stages.common.data.files import read_json
from stages.common.models.clip import build, named, save
from stages.quiltnet.card import write_card

TEXTS = ["adipose tissue, H&E stain", "a naevus of the skin " * 9]
FACTS = dict.fromkeys(("train_loss", "val_loss", "gap", "logit_scale", "steps"), 1.0)
FACTS |= {"parameters": 1, "tuned_parameters": 1, "images": 1, "texts": 1, "best_epoch": 1, "data": "x"}


def bert(folder):
    """A small text tower of transformers with its words."""
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "tissue", "skin", "a", "of", "the", "stain"]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    transformers.BertConfig(vocab_size=len(words), max_position_embeddings=16, **sizes).save_pretrained(folder)
    return {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "hf_pooler_type": "mean_pooler"} | {
        "hf_proj_type": "mlp",
        "context_length": 16,
    }


def tiny(folder, **changes):
    path = folder / "tiny.json"
    path.write_text(json.dumps(TINY | changes))
    return str(path)


def vectors(model, tokenizer):
    torch.manual_seed(0)
    pixels = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        return torch.cat([model.eval().encode_image(pixels), model.encode_text(tokenizer(TEXTS))])


@pytest.fixture
def moved(tmp_path, monkeypatch):
    """Save a model under models/quiltnet with its card, move the folder, go elsewhere and return it and its vectors."""

    def make(clip, stage_params):
        home, away = tmp_path / "home", tmp_path / "away"
        for place in (home, away):
            place.mkdir()
        monkeypatch.chdir(home)
        folder = Path("models/quiltnet")
        save(clip, folder)
        write_card(folder, clip, stage_params("quiltnet"), FACTS, "")
        shutil.move(folder, away / "elsewhere")
        shutil.rmtree(home / "models")
        monkeypatch.chdir(away)
        return "elsewhere", vectors(clip.model, clip.tokenizer)

    return make


def by_its_card(folder):
    """The model and tokenizer that the Python on its card makes, with the folder where it is now."""
    page = (Path(folder) / "README.md").read_text()
    code = re.search(r"```python\n(.+?)```", page, re.DOTALL)[1]
    names = {}
    exec(code.replace('folder = "models/quiltnet"', f"folder = {folder!r}"), names)
    return names["model"], names["tokenizer"], page


def test_a_text_tower_of_transformers_moves_with_the_folder(tmp_path, moved, stage_params):
    folder, expected = moved(build(tiny(tmp_path, text_cfg=bert(tmp_path / "bert")), "none", 0), stage_params)
    shutil.rmtree(tmp_path / "bert")
    clip = named(f"local-dir:{folder}")
    assert torch.equal(vectors(clip.model, clip.tokenizer), expected)
    model, tokenizer, page = by_its_card(folder)
    assert torch.equal(vectors(model, tokenizer), expected)
    assert "does not read the folder" in page
    save(clip, tmp_path / "again")
    again = named(f"local-dir:{tmp_path / 'again'}")
    assert torch.equal(vectors(again.model, again.tokenizer), expected)


def test_a_name_on_a_hub_stays_one_and_a_folders_cannot_be_taken_for_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = build(tiny(tmp_path, text_cfg=bert(tmp_path / "bert")), "none", 0)
    save(clip, Path("models/quiltnet"))
    text = read_json(tmp_path / "models/quiltnet/open_clip_config.json")["model_cfg"]["text_cfg"]
    assert text["hf_model_name"] == text["hf_tokenizer_name"] == "./models/quiltnet"
    model, _, _ = open_clip.create_model_and_transforms("local-dir:models/quiltnet")
    tokenizer = open_clip.get_tokenizer("local-dir:models/quiltnet")
    assert torch.equal(vectors(model, tokenizer), vectors(clip.model, clip.tokenizer))
    clip.config["text_cfg"] |= {"hf_model_name": "someone/bert", "hf_tokenizer_name": "someone/bert"}
    save(clip, Path("hub"))
    text = read_json(tmp_path / "hub/open_clip_config.json")["model_cfg"]["text_cfg"]
    assert text["hf_model_name"] == text["hf_tokenizer_name"] == "someone/bert"
    again = named("local-dir:hub")
    assert torch.equal(vectors(again.model, again.tokenizer), vectors(clip.model, clip.tokenizer))


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("mode", ["shortest", "squash"])
def test_clips_own_towers_are_read_by_transformers_too(tmp_path, moved, stage_params, quick, mode):
    steps = TINY["preprocess_cfg"] | {"resize_mode": mode}
    clip = build(tiny(tmp_path, quick_gelu=quick, preprocess_cfg=steps), "none", 0)
    folder, expected = moved(clip, stage_params)
    model = transformers.CLIPModel.from_pretrained(folder).eval()
    words = transformers.CLIPTokenizerFast.from_pretrained(folder)
    torch.manual_seed(0)
    with torch.inference_mode():
        images = model.get_image_features(pixel_values=torch.randn(2, 3, 32, 32))
        tokens = words(TEXTS, padding="max_length", truncation=True, return_tensors="pt")
        found = torch.cat([images, model.get_text_features(**tokens)])
    assert torch.allclose(found, expected, atol=1e-5)
    assert model.logit_scale.item() == pytest.approx(clip.model.logit_scale.item())
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 48, 3), dtype=np.uint8))
    pixels = transformers.CLIPImageProcessor.from_pretrained(folder)(picture, return_tensors="pt")["pixel_values"][0]
    assert torch.allclose(pixels, clip.transform()(picture), atol=0.02)
    model, tokenizer, page = by_its_card(folder)
    assert torch.equal(vectors(model, tokenizer), expected)
    assert "CLIPModel.from_pretrained(folder)" in page


def test_towers_that_transformers_has_not_are_left_to_open_clip(tmp_path):
    text = TINY["text_cfg"] | {"no_causal_mask": True}
    save(build(tiny(tmp_path, text_cfg=text), "none", 0), tmp_path / "saved")
    assert not (tmp_path / "saved/model.safetensors").exists()
    assert named(f"local-dir:{tmp_path / 'saved'}").image_size == 32
