"""What is missing is said with its cause."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from stages.common.errors import StageError
from stages.common.models.backbone import Backbone
from stages.common.models.clip import build, named


@pytest.mark.parametrize(
    "load",
    [
        lambda: build("ViT-B-32", "openai", 0),
        lambda: named("hf-hub:nobody/no-model"),
        lambda: named("transformers:nobody/no-model"),
        lambda: Backbone("convnext_tiny.fb_in22k_ft_in1k_384", "hub", 64),
        lambda: _tokenizer("hf-hub:nobody/no-model"),
        lambda: _recogniser("large-v2"),
        lambda: _aligner("nobody/no-model"),
    ],
    ids=["open_clip tag", "hf-hub", "transformers", "timm", "tokenizer", "whisper", "wav2vec2"],
)
def test_what_only_a_hub_has_names_the_parameter_that_lets_it_be_asked(load, monkeypatch):
    import huggingface_hub

    assert huggingface_hub.constants.HF_HUB_OFFLINE, "the tests' own environment"
    with pytest.raises(StageError, match="set base.offline=false") as error:
        load()
    assert "onnection" not in str(error.value)
    assert "\n" not in str(error.value)


def _tokenizer(name):
    from stages.pairs.lengths import token_counter

    token_counter(name)("text")


def _recogniser(name):
    from stages.common.stage.params import load_params
    from stages.transcripts.recogniser import load as load_whisper

    params, _ = load_params("transcripts", ROOT / "params.yaml")
    load_whisper(params.model_copy(update={"model": name, "sha256": ""}), "cpu", 1)


def _aligner(name):
    from stages.transcripts.words import _aligner as load_aligner

    load_aligner("en", name, "cpu")


LOADS_WHISPER = """
from stages.common.stage.cli import set_environment
from stages.common.stage.params import load_params
params, base = load_params("transcripts")
set_environment(base)
from stages.transcripts.recogniser import load
load(params, "cpu", 1)
import matplotlib.pyplot
"""


@pytest.mark.slow
@pytest.mark.parametrize("home", ["/proc/nohome", None])
def test_a_home_that_cannot_be_written_is_no_fault_of_a_model(tmp_path, home):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    env = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME", "TORCH_HOME")}
    env |= {"PYTHONPATH": str(ROOT)} | ({"HOME": home} if home else {})
    done = subprocess.run([sys.executable, "-c", LOADS_WHISPER], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / ".cache" / "torch").is_dir() == (home is not None)
