"""Arrays kept under the key of what they were made from."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stages.common.clip import Clip
from stages.common.embed import Vectors
from stages.common.files import sha256, write_bytes


def kept(path: Path, key: str, make: Callable[[], Vectors]) -> bool:
    """Write the array of `make` to `path` as safetensors, unless one of this key lies there; say whether one did."""
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import save

    if path.exists():
        try:
            with safe_open(path, "numpy") as file:
                if (file.metadata() or {}).get("key") == key:
                    return True
        except SafetensorError:
            pass  # cut short: made anew
    write_bytes(path, save({"vectors": make()}, metadata={"key": key}))
    return False


def key_of(*parts: Any) -> str:
    """One digest of JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def weights_digest(clip: Clip) -> str:
    """Digest of a model's weights, its config and how it wants its pixels."""
    total = hashlib.sha256(json.dumps([clip.config, clip.preprocess], sort_keys=True).encode())
    for name, tensor in sorted(clip.model.state_dict().items()):
        total.update(name.encode())
        total.update(tensor.detach().cpu().contiguous().flatten().view(-1).numpy().tobytes())
    return total.hexdigest()


def files_digest(references: Sequence[str]) -> str:
    """Digest of which images there are and of the files that hold them; a file with many images is read once."""
    files = sorted({reference.partition("#")[0] for reference in references})
    return key_of(list(references), [sha256(Path(file)) for file in files])
