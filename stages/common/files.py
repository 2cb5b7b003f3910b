"""Files that are whole or absent, and the same bytes each time."""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from stages.common.errors import StageError

SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}")


def safe_id(text: str) -> str:
    """Return `text` if it can be a file name on any system; raise StageError otherwise."""
    if not SAFE_ID.fullmatch(text):
        raise StageError(f"{text!r} cannot be an id: use 1 to 128 letters, digits, '-' and '_'")
    return text


def sha256(path: Path) -> str:
    """Hex sha256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(*paths: Path) -> str:
    """One hex digest for several files, in the order given."""
    return hashlib.sha256("".join(sha256(path) for path in paths).encode()).hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` under a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with a final newline; floats keep six significant digits, NaN is a ValueError."""
    write_bytes(path, (json.dumps(_rounded(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Return the JSON value in `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write `table` as parquet without its index."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())


def write_tar(path: Path, members: Mapping[str, bytes]) -> None:
    """Write `members` (name to bytes) as a tar whose headers hold no time, owner or host."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    part.replace(path)


def read_tar(path: Path, names: Iterable[str] | None = None) -> dict[str, bytes]:
    """Return members of the tar `path` by name; all of them unless `names` is given."""
    wanted = None if names is None else set(names)
    found = {}
    with tarfile.open(path) as tar:
        for info in tar:
            if info.isfile() and (wanted is None or info.name in wanted):
                member = tar.extractfile(info)
                assert member is not None
                found[info.name] = member.read()
    return found


def read_images(references: Iterable[str]) -> dict[str, bytes]:
    """Return the encoded images that `references` (`path/to.tar#member`) point to, each tar opened once."""
    by_tar: dict[str, set[str]] = {}
    for reference in references:
        tar, _, member = reference.partition("#")
        by_tar.setdefault(tar, set()).add(member)
    images = {}
    for tar, members in sorted(by_tar.items()):
        found = read_tar(Path(tar), members)
        if missing := sorted(members - found.keys()):
            raise StageError(f"{tar} lacks {missing[0]}: run `dvc repro` so that images and tables agree")
        images.update({f"{tar}#{name}": data for name, data in found.items()})
    return images


def jpeg(image: Image.Image, quality: int = 92) -> bytes:
    """Encode an RGB image as JPEG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value.item() if hasattr(value, "item") else value
