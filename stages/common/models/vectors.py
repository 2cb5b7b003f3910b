"""A cache of embedding vectors: files, each kept under a key of all that it was made from."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.data.arrays import Vectors
from stages.common.data.files import sha256, write_bytes, write_json
from stages.common.errors import StageError
from stages.common.incremental.manifest import read_mapping
from stages.common.models.clip import Clip


class VectorCache:
    """Files of vectors below `folder`, each kept as long as its key stays the same.

    Keys and digests of the files are in `keys`, a JSON file apart, so that what depends on vectors does not depend on
    their keys.
    """

    def __init__(self, folder: Path, keys: Path, force: bool = False) -> None:
        self._folder, self._keys = folder, keys
        self._known: dict[str, list[str]] = {} if force else read_mapping(keys)
        self._now: dict[str, list[str]] = {}

    def keep(self, name: str, key: str, make: Callable[[], Vectors]) -> bool:
        """Write the array of `make` to the file `name` as safetensors, unless there is one of this key; return
        whether there was. A file whose content has changed since it was written is made again.

        Raises StageError for vectors that are not finite: scores made of them would look like numbers.
        """
        from safetensors.numpy import save

        path = self._folder / name
        entry = self._known.get(name)
        stays = entry is not None and path.exists() and entry == [key, sha256(path)]
        if not stays:
            vectors = make()
            if wrong := int((~np.isfinite(vectors)).any(1).sum()):
                raise StageError(f"{path}: {wrong} of {len(vectors)} vectors are not finite: use other weights")
            write_bytes(path, save({"vectors": vectors}))
            entry = [key, sha256(path)]
        self._now[name] = entry or []
        write_json(self._keys, dict(sorted((self._known | self._now).items())))
        return stays

    def get(self, name: str, key: str, make: Callable[[], Vectors]) -> Vectors:
        """The array of the file `name`, made anew where `keep` would make it."""
        from safetensors.numpy import load_file

        self.keep(name, key, make)
        found: Vectors = load_file(self._folder / name)["vectors"]
        return found

    def close(self) -> None:
        """Remove every file of vectors that `keep` was not called for, and its key."""
        for path in self._folder.rglob("*.safetensors"):
            if path.relative_to(self._folder).as_posix() not in self._now:
                path.unlink()
        write_json(self._keys, dict(sorted(self._now.items())))


def key_of(*parts: Any) -> str:
    """One digest of JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def weights_digest(clip: Clip) -> str:
    """Digest of a model's weights, its config and how pixels are normalised for it."""
    total = hashlib.sha256(json.dumps([clip.config, clip.preprocess], sort_keys=True).encode())
    for name, tensor in sorted(clip.model.state_dict().items()):
        total.update(name.encode())
        total.update(tensor.detach().cpu().contiguous().flatten().view(-1).numpy().tobytes())
    return total.hexdigest()


def files_digest(references: Sequence[str]) -> str:
    """Digest of which images there are and of the files that hold them; a file with many images is read once."""
    files = sorted({reference.partition("#")[0] for reference in references})
    return key_of(list(references), [sha256(Path(file)) for file in files])


def tokens_of(clip: Clip, texts: Sequence[str]) -> list[list[int]]:
    """The tokens of texts, for a key: a model may have the same weights with another tokenizer."""
    return [[int(token) for token in row] for row in clip.tokenizer(list(texts))] if texts else []
