"""An article's files: a folder, a .tar.gz or a .zip of them. Nothing is unpacked to disk."""

import tarfile
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

ARTICLE = (".nxml", ".xml")
GRAPHICS = (".jpg", ".jpeg", ".tif", ".tiff", ".png", ".gif")
MAX_BYTES = 200_000_000  # of one file; a larger one is skipped
MAX_FILES = 10_000


class PackageError(Exception):
    """The package cannot be read; the message says why."""


class Package:
    """The article and the graphics of one package, by file name; `read` gives the bytes of one of them."""

    def __init__(self, names: dict[str, Any], read: Callable[[Any], bytes]) -> None:
        self._names = names
        self._read = read

    def article(self) -> bytes:
        """The article's XML. Raises PackageError where there is none."""
        found = sorted(name for name in self._names if name.lower().endswith(ARTICLE))
        if not found:
            raise PackageError("no .nxml or .xml file in it")
        return self._read(self._names[found[0]])

    def graphic(self, reference: str) -> bytes:
        """The image that an article calls `reference`, whose ending it may leave out; b"" where it is missing."""
        wanted = PurePosixPath(reference).name.lower()
        by_suffix = sorted(self._names, key=lambda name: GRAPHICS.index(_suffix(name)) if _is_graphic(name) else 99)
        for name in by_suffix:
            low = name.lower()
            if _is_graphic(name) and wanted and wanted in (low, low.removesuffix(_suffix(name))):
                return self._read(self._names[name])
        return b""


@contextmanager
def open_package(path: Path) -> Any:
    """Give the Package at `path`. Raises PackageError for one that is broken."""
    try:
        if path.is_dir():
            files = [file for file in sorted(path.iterdir())[:MAX_FILES] if file.is_file() and not file.is_symlink()]
            yield Package({file.name: file for file in files if file.stat().st_size <= MAX_BYTES}, Path.read_bytes)
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                inside = [info for info in archive.infolist()[:MAX_FILES] if info.file_size <= MAX_BYTES]
                zipped = {PurePosixPath(info.filename).name: info for info in inside if not info.is_dir()}
                yield Package(zipped, lambda info: _bounded(archive.open(info)))
        else:
            with tarfile.open(path) as tar:
                members = [info for info in tar.getmembers()[:MAX_FILES] if info.isfile() and info.size <= MAX_BYTES]
                tarred = {PurePosixPath(info.name).name: info for info in members}
                yield Package(tarred, lambda info: _bounded(tar.extractfile(info)))
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise PackageError(f"{type(error).__name__}: {' '.join(str(error).split())}") from None


def _bounded(file: IO[bytes] | None) -> bytes:
    """Up to MAX_BYTES of a member, whatever size its header claims."""
    assert file is not None
    with file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PackageError(f"a file of it is larger than {MAX_BYTES} bytes")
    return data


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _is_graphic(name: str) -> bool:
    return _suffix(name) in GRAPHICS
