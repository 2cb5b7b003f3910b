"""Files written whole or not at all, with the same bytes each time."""

import hashlib
import io
import json
import os
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


def read_yaml(path: Path) -> Any:
    """Return what the YAML 1.2 file `path` holds, read as DVC reads params.yaml: 1e-5 is a number, no and on are words.

    Raises StageError where it is not valid; a file that is not there is the caller's FileNotFoundError.
    """
    from ruamel.yaml import YAML, YAMLError

    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise StageError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write `table` as parquet without its index."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())


def write_tar(path: Path, members: Mapping[str, bytes]) -> None:
    """Write `members` (name to bytes) as a tar whose headers hold no time, owner or host."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    part.replace(path)


class TarShards:
    """Writes members one by one to FOLDER/NAME-NNNNNN.tar, so many to a tar; whole or absent, like write_tar.

    Tars of an earlier writing that are not written anew are removed when the `with` block ends without an error.
    """

    def __init__(self, folder: Path, name: str, size: int) -> None:
        self._folder, self._name, self._size = folder, name, size
        self._written: list[Path] = []
        self._tar: tarfile.TarFile | None = None
        self._count = 0

    def __enter__(self) -> "TarShards":
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close()
        if kind is None:
            for path in set(self._folder.glob(f"{self._name}-*.tar")) - set(self._written):
                path.unlink()

    def add(self, member: str, data: bytes) -> str:
        """Write one member; return its reference, `path/to.tar#member`."""
        if self._tar is None:
            self._written.append(self._folder / f"{self._name}-{len(self._written):06d}.tar")
            self._tar = tarfile.open(self._part(), "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by _close
        info = tarfile.TarInfo(member)
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))
        self._count += 1
        path = self._written[-1]
        if self._count == self._size:
            self._close()
        return f"{path.as_posix()}#{member}"

    def _part(self) -> Path:
        return self._written[-1].with_name(f".{self._written[-1].name}.part")

    def _close(self) -> None:
        if self._tar is not None:
            self._tar.close()
            self._part().replace(self._written[-1])
            self._tar, self._count = None, 0


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


class ImageReader:
    """Reads encoded images by reference (`path/to.tar#member`), in any order; the index of each tar is read once."""

    def __init__(self) -> None:
        self._places: dict[str, dict[str, tuple[int, int]]] = {}

    def read(self, reference: str) -> bytes:
        """Bytes of one image. Raises StageError where the tar does not hold it."""
        path, _, member = reference.partition("#")
        if path not in self._places:
            with tarfile.open(path) as tar:
                self._places[path] = {info.name: (info.offset_data, info.size) for info in tar if info.isfile()}
        if member not in self._places[path]:
            raise StageError(f"{path} lacks {member}: run `dvc repro` so that images and tables agree")
        offset, size = self._places[path][member]
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - unbuffered: one read, no more than the image
            return os.pread(file.fileno(), size, offset)


def read_images(references: Iterable[str]) -> dict[str, bytes]:
    """Return the encoded images that `references` point to. Raises StageError as ImageReader does."""
    reader = ImageReader()
    return {reference: reader.read(reference) for reference in references}


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
