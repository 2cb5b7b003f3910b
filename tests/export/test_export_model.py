"""The model as a repository of the Hub: open_clip loads it by its name there, and its card is one of the Hub."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from huggingface_hub import ModelCard

from stages.common.errors import StageError
from stages.common.models.clip import build, save
from stages.common.paths import QUILTNET_DIR
from stages.export.model import write_model

NAME = "somebody/quiltnet"
CARD = "---\nlicense: other\nlibrary_name: open_clip\n---\n# QuiltNet\n\n## Loading\n\nSo.\n"
BY_NAME = f"""
import open_clip, torch
model, _, _ = open_clip.create_model_and_transforms("hf-hub:{NAME}")
tokenizer = open_clip.get_tokenizer("hf-hub:{NAME}")
print(model.eval().encode_text(tokenizer(["a gland"])).tolist())
"""


def put(folder, config):
    """Put a model of random weights where the stage puts its own, below `folder`; return it."""
    os.chdir(folder)
    clip = build(str(config), "none", 0)
    save(clip, QUILTNET_DIR)
    (QUILTNET_DIR / "README.md").write_text(CARD)
    return clip


def in_cache(home):
    """The folder of the Hub's cache below `home` in which that library keeps NAME."""
    repository = home / "hub" / f"models--{NAME.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("0" * 40)
    return repository / "snapshots" / ("0" * 40)


@pytest.mark.slow
def test_open_clip_loads_it_by_its_name_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = put(tmp_path, ROOT / "stages/quiltnet/configs/lite0_minilm.json")
    write_model(in_cache(tmp_path / "home"), NAME, "")
    (tmp_path / "models").rename(tmp_path / "gone")
    env = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    said = subprocess.check_output([sys.executable, "-c", BY_NAME], env=env, text=True)
    expected = clip.model.eval().encode_text(clip.tokenizer(["a gland"])).detach().numpy()
    np.testing.assert_allclose(json.loads(said.splitlines()[-1]), expected, atol=1e-6)


def test_the_card_says_how_to_load_it_and_of_which_run_it_is(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, tiny)
    write_model(tmp_path / "hub", NAME, "Made by that run.")
    card = ModelCard.load(tmp_path / "hub/README.md")
    fields = card.data.to_dict()
    assert (fields["library_name"], fields["license"]) == ("open_clip", "other")
    assert card.text.index(f'"hf-hub:{NAME}"') < card.text.index("## Loading")
    assert card.text.endswith("So.\n\nMade by that run.\n")
    assert (QUILTNET_DIR / "README.md").read_text() == CARD


def test_a_name_that_the_hub_does_not_take_is_refused(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StageError, match="run `dvc repro quiltnet`"):
        write_model(tmp_path / "hub", NAME, "")
    put(tmp_path, tiny)
    with pytest.raises(StageError, match="--name ../elsewhere: "):
        write_model(tmp_path / "hub", "../elsewhere", "")
    assert not (tmp_path / "hub").exists()
