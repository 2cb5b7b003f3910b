"""The model as a repository of the Hugging Face Hub: under the name that it will have there, and with a card."""

import shutil
from pathlib import Path

from stages.common.data.files import read_json, write_bytes, write_json
from stages.common.errors import StageError
from stages.common.models.clip import CONFIG
from stages.common.paths import QUILTNET_DIR

CARD = "README.md"
LOADING = "## Loading"  # the section of the stage's card before which the Hub's goes
HUB = """## From the Hub

```python
import open_clip

model, _, preprocess = open_clip.create_model_and_transforms("hf-hub:{name}")
tokenizer = open_clip.get_tokenizer("hf-hub:{name}")
```

"""


def write_model(to: Path, name: str, run: str) -> dict[str, int]:
    """Write the model to the folder `to` as the repository `name` (OWNER/NAME); return counts.

    Its text tower, where that is one of transformers, is found by `name`. `run` is a line for the card. Raises
    StageError where there is no model, or the Hub takes no such name.
    """
    from huggingface_hub import ModelCard
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise StageError(f"--name {name}: {error}") from None
    if not (QUILTNET_DIR / CONFIG).exists():
        raise StageError(f"{QUILTNET_DIR / CONFIG} not found: run `dvc repro quiltnet`")
    shutil.copytree(QUILTNET_DIR, to, dirs_exist_ok=True, copy_function=shutil.copyfile)  # outputs may be read-only
    config = read_json(to / CONFIG)
    text = config["model_cfg"]["text_cfg"]
    own = f"./{QUILTNET_DIR.as_posix()}"
    text |= {key: name for key in ("hf_model_name", "hf_tokenizer_name") if text.get(key) == own}
    write_json(to / CONFIG, config)
    card = ModelCard.load(to / CARD)
    card.text = card.text.replace(LOADING, f"{HUB.format(name=name)}{LOADING}", 1).rstrip() + f"\n\n{run}".rstrip()
    write_bytes(to / CARD, f"{card}\n".encode())
    return {"files": sum(1 for path in to.iterdir())}
