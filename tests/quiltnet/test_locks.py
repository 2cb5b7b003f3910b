"""Towers are locked by open_clip's own functions, whatever the model, and checkpointing loses no gradient."""

import json

import open_clip
import pytest
import torch
import transformers
from training import TINY

from stages.common.errors import StageError
from stages.common.models.clip import build
from stages.quiltnet.towers import checkpoint_activations, lock

PLAIN = {key: value for key, value in TINY.items() if key != "preprocess_cfg"}
OPEN = {"lock_image": False, "lock_text": False}


def plain():
    torch.manual_seed(0)
    return open_clip.model.CLIP(**PLAIN)


@pytest.fixture
def towers(tmp_path):
    """A CustomTextCLIP of a timm ViT and a BERT, as BiomedCLIP is, small."""
    folder = tmp_path / "bert"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "skin"]))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    transformers.BertConfig(vocab_size=6, max_position_embeddings=16, **sizes, **dropout).save_pretrained(folder)
    text = {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "hf_pooler_type": "mean_pooler"}
    image = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "", "timm_proj": "linear", "image_size": 224}
    tree = TINY | {"vision_cfg": image, "text_cfg": text | {"hf_proj_type": "mlp", "context_length": 16}}
    (tmp_path / "towers.json").write_text(json.dumps(tree))
    return lambda: build(str(tmp_path / "towers.json"), "none", 0).model


def tuned(model, prefix=""):
    return {name for name, p in model.named_parameters() if p.requires_grad and name.startswith(prefix)}


@pytest.mark.parametrize("groups", [0, 1, 2, 9])
def test_a_vit_is_locked_as_open_clip_locks_it(stage_params, groups):
    ours, theirs = plain(), plain()
    lock(ours, stage_params("quiltnet", lock_image=True, lock_text=False, unlocked_image_groups=groups))
    theirs.lock_image_tower(unlocked_groups=groups, freeze_bn_stats=True)
    assert tuned(ours) == tuned(theirs)
    assert ("visual.proj" in tuned(ours)) == (groups > 0)
    assert tuned(ours) >= tuned(ours) - tuned(ours, "visual.") == tuned(plain()) - tuned(plain(), "visual.")


@pytest.mark.parametrize("groups", [0, 1, 2])
def test_clips_own_text_tower_can_be_locked(stage_params, groups):
    model = plain()
    lock(model, stage_params("quiltnet", lock_text=True, unlocked_text_groups=groups))
    found = tuned(model) - tuned(model, "visual.") - {"logit_scale"}
    last = {name for name in tuned(plain()) if name.startswith(("transformer.resblocks.0.", "ln_final."))}
    assert found == [set(), {"text_projection"}, {"text_projection"} | last][groups]


def test_towers_of_timm_and_transformers_keep_their_heads_and_last_layers(stage_params, towers):
    model = towers()
    lock(model, stage_params("quiltnet", lock_image=True, lock_text=True))
    heads = {"visual.head.proj.weight", "text.proj.0.weight", "text.proj.2.weight", "logit_scale"}
    assert tuned(model) == heads
    model = towers()
    both = {"unlocked_image_groups": 2, "unlocked_text_groups": 1}
    lock(model, stage_params("quiltnet", lock_image=True, lock_text=True, **both))
    assert tuned(model) > heads
    assert {name.split(".")[4] for name in tuned(model, "text.transformer.encoder.layer.")} == {"2"}
    blocks = {name.split(".")[3] for name in tuned(model, "visual.trunk.blocks.")}
    assert blocks <= {"10", "11"}
    assert "11" in blocks


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unlocked_image_groups": 1}, "unlocked_image_groups: nothing is locked: set quiltnet.lock_image to true"),
        ({"unlocked_text_groups": 2}, "unlocked_text_groups: nothing is locked: set quiltnet.lock_text to true"),
    ],
)
def test_groups_of_a_tower_that_is_not_locked_are_a_mistake(stage_params, changes, message):
    with pytest.raises(StageError, match=message):
        lock(plain(), stage_params("quiltnet", **OPEN | changes))


def test_what_open_clip_cannot_lock_is_one_line(stage_params):
    image = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 8}
    model = open_clip.model.CLIP(**PLAIN | {"vision_cfg": image})
    with pytest.raises(StageError, match="unlocked_image_groups: open_clip cannot lock this model so: partial locking"):
        lock(model, stage_params("quiltnet", lock_image=True, lock_text=False, unlocked_image_groups=1))
    lock(model, stage_params("quiltnet", lock_image=True, lock_text=False))
    assert not tuned(model, "visual.")


def gradients(model):
    torch.manual_seed(0)
    model.train()
    image, text, _ = model(torch.randn(3, 3, 224, 224), torch.tensor([[2, 5, 3], [2, 3, 0], [2, 5, 5]]))[:3]
    (image @ text.T).diagonal().sum().backward()
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad and p.grad is not None}


def test_checkpointing_is_off_unless_asked_for_and_changes_no_gradient(stage_params, towers):
    """Also above layers that are locked, where reentrant checkpointing finds nothing to tune."""
    whole, saving = towers(), towers()
    assert not whole.text.transformer.is_gradient_checkpointing
    both = {"unlocked_image_groups": 2, "unlocked_text_groups": 2}
    for model in (whole, saving):
        lock(model, stage_params("quiltnet", lock_image=True, lock_text=True, **both))
    checkpoint_activations(saving)
    assert saving.text.transformer.is_gradient_checkpointing
    expected, found = gradients(whole), gradients(saving)
    assert any(name.startswith("text.transformer.encoder.layer.2.") for name in expected)
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in found)
