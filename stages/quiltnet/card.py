"""The model's own README.md."""

from pathlib import Path
from typing import Any

from stages.common.data.files import write_bytes
from stages.common.models.clip import Clip
from stages.common.stage.version import version
from stages.quiltnet.params import Params

# The paper's training (section 9), which profiles/quilt1m runs.
PAPER = {
    "model": "ViT-B-32-quickgelu",
    "start": "openai",
    "lock_text": False,
    "epochs": 4,
    "epoch_of": "pairs",
    "keep": "last",
    "batch_size": 1024,
    "mask_false_negatives": False,
    "lr": 1e-5,
    "weight_decay": 0.1,
    "beta1": 0.9,
    "beta2": 0.98,
    "eps": 1e-6,
    "clip_norm": 0.0,
    "warmup": 200,
    "crop_scale": 0.8,
    "color_jitter": 0.0,
}


def write_card(folder: Path, clip: Clip, params: Params, facts: dict[str, Any], note: str) -> None:
    """Write `folder`/README.md: what the model is, how to load it, its parameters, data and metrics."""
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    page = environment.from_string(Path(__file__).with_name("card.md.j2").read_text(encoding="utf-8")).render(
        title="QuiltNet",
        note=note,
        version=version(),
        folder=folder.as_posix(),
        params=params,
        paper=PAPER,
        facts=facts,
        hf_text="hf_model_name" in clip.config["text_cfg"],
        in_transformers=(folder / "model.safetensors").exists(),
    )
    write_bytes(folder / "README.md", page.encode())
