"""Articles and their images: in a folder, a tar or a zip. Nothing is unpacked to disk."""

import io
import lzma
import os
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote

from stages.common.data.tars import Header

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ZIPPED = (b"PK\x03\x04", b"PK\x05\x06")  # first bytes of a zip, whatever its name
UNREAD = (".7z", ".rar", ".gz", ".bz2", ".xz", ".zst")  # where they are no TARS
ARTICLE = (".nxml", ".xml")
GRAPHICS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif")  # the first that is there is taken
ENDINGS = (*GRAPHICS, ".eps", ".svg", ".pdf", ".ppt", ".pptx")  # that a reference may have
MAX_BYTES = 200_000_000  # of one file
MAX_PADDING = 10_000_000  # bytes after the last file of a tar
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)


class PackageError(Exception):
    """The package or one of its files cannot be read; the message says why."""


class Package:
    """The files of a package, by their paths in it; `read` gives the bytes of one."""

    def __init__(self, files: dict[str, Any], read: Callable[[Any], bytes]) -> None:
        cleaned = {PurePosixPath(path.replace("\\", "/")): file for path, file in files.items()}
        self._files = {path: file for path, file in cleaned.items() if not of_finder(path)}
        self._read = read
        self._images: defaultdict[str, list[PurePosixPath]] = defaultdict(list)
        for path in self._files:
            if path.suffix.lower() in GRAPHICS:
                self._images[_one_form(path.stem)].append(path)
        self.articles = [path for path in self._files if path.suffix.lower() in ARTICLE]
        self.archives = [path for path in self._files if is_archive(path)]

    def read(self, path: PurePosixPath) -> bytes:
        """The bytes of one file. Raises PackageError where it is damaged."""
        with _readable():
            return self._read(self._files[path])

    def graphic(self, article: PurePosixPath, references: Sequence[str]) -> bytes:
        """The first image there is of those that the article at the path `article` calls `references`; b"" where there
        is none.

        References may leave out an image's ending, or have another. Images lie beside the article or below it; where
        the package has no other article, anywhere.
        """
        for reference in references:
            named = next(filter(None, map(self._named, _readings(reference))), [])
            found = [path for path in named if path.is_relative_to(article.parent) or len(self.articles) == 1]
            if found:
                return self.read(min(found, key=lambda path: _preference(path, reference)))
        return b""

    def _named(self, reference: str) -> list[PurePosixPath]:
        return self._images.get(_one_form(PurePosixPath(without_ending(reference)).name), [])


def _readings(reference: str) -> Iterator[str]:
    """What a reference may mean: a name, or the name in an address ("f1.jpg?x=1", "file:f1.jpg#a")."""
    yield reference
    yield unquote(reference.partition("#")[0].partition("?")[0].removeprefix("file:"))


def _one_form(name: str) -> str:
    """`name` as names are compared: whatever its case, percent signs, and how its accents are written."""
    return unicodedata.normalize("NFC", unquote(name)).lower()


def without_ending(reference: str) -> str:
    """`reference` to an image without its ending, if it has one."""
    path = reference.replace("\\", "/")
    return path.removesuffix(PurePosixPath(path).suffix) if PurePosixPath(path).suffix.lower() in ENDINGS else path


def of_finder(path: PurePosixPath) -> bool:
    """Whether `path` is a file that macOS writes beside others: "._x.jpg", "__MACOSX/"."""
    return "__MACOSX" in path.parts or path.name.startswith("._")


def is_archive(path: PurePath) -> bool:
    """Whether the name of `path` is one of a tar or a zip."""
    return path.name.lower().endswith((*TARS, ".zip"))


@contextmanager
def open_package(path: Path) -> Iterator[Package]:
    """Give the Package at `path`, a folder or an archive. Raises PackageError for one that is damaged."""
    if path.is_dir():
        yield Package({file.relative_to(path).as_posix(): file for file in _below(path)}, _read_file)
        return
    with _readable():
        file = path.open("rb")
    with file, open_archive(file) as package:
        yield package


@contextmanager
def open_archive(file: IO[bytes]) -> Iterator[Package]:
    """Give the Package in a zip or tar; its content says which it is. Raises PackageError for one that is damaged."""
    zipped = file.read(len(ZIPPED[0])) in ZIPPED
    file.seek(0)
    if zipped:
        with _readable():
            archive = zipfile.ZipFile(file)
        with archive:
            members = {info.filename: info for info in archive.infolist() if not info.is_dir()}
            yield Package(members, lambda info: _bounded(archive.open(info)))
    else:
        with _readable():
            tar = tarfile.open(fileobj=file, tarinfo=Header)  # noqa: SIM115 - closed below, where what goes wrong is the caller's
        with tar:
            with _readable():
                tarred = {info.name: info for info in tar.getmembers() if info.isfile()}
                _to_the_end(tar)
            yield Package(tarred, lambda info: _bounded(tar.extractfile(info)))


@contextmanager
def open_inner(package: Package, path: PurePosixPath) -> Iterator[Package]:
    """Give the Package in an archive that lies in another. Raises PackageError for one that is damaged."""
    with open_archive(io.BytesIO(package.read(path))) as inner:
        yield inner


def beside(folder: Path) -> Package:
    """The articles that lie in `folder` themselves, with the images there and in folders below that have no article."""
    subfolders = [one for one in sorted(folder.iterdir()) if one.is_dir() and not has_article(one)]
    files = [*_files(folder), *(file for one in subfolders for file in _below(one))]
    return Package({file.relative_to(folder).as_posix(): file for file in files}, _read_file)


def has_article(folder: Path) -> bool:
    """Whether an article is in `folder` or below it."""
    return any(file.name.lower().endswith(ARTICLE) for file in _below(folder))


@contextmanager
def _readable() -> Iterator[None]:
    """Turn what damaged files raise into PackageError."""
    try:
        yield
    except DAMAGE as error:
        what = getattr(error, "strerror", None) or str(error)  # without the path, which differs between machines
        raise PackageError(f"{type(error).__name__}: {' '.join(what.split())}") from None


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.is_file()]


def _below(folder: Path) -> list[Path]:
    """The files of `folder` and its folders. Links are followed, whoever has the folder made them; what a link leads
    to a second time is left out, as in a loop."""
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        if os.path.realpath(place) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(place))
        folders.sort()
        found += [Path(place, file) for file in files]
    return sorted(file for file in found if file.is_file())


def _read_file(path: Path) -> bytes:
    return _bounded(path.open("rb"))


def _bounded(file: IO[bytes] | None) -> bytes:
    """Up to MAX_BYTES of a file, whatever size its header claims."""
    assert file is not None
    with file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return data


def _to_the_end(tar: tarfile.TarFile) -> None:
    """Read what comes after the last file of `tar`: only at its very end does gzip compare the checksum."""
    assert tar.fileobj is not None
    rest = tar.fileobj.read(MAX_PADDING + 1)
    if len(rest) > MAX_PADDING or rest.strip(b"\0"):
        raise ValueError("what comes after its last readable file is damaged")


def _preference(path: PurePosixPath, reference: str) -> tuple[bool, bool, int, int]:
    """Sorts first the image at just the path that is referred to, then of its name, then of the best kind, then the
    one nearest to the article."""
    wanted = PurePosixPath(reference.replace("\\", "/").lower())
    low = PurePosixPath(str(path).lower())
    exact = low.parts[-len(wanted.parts) :] == wanted.parts
    return not exact, low.name != wanted.name, GRAPHICS.index(low.suffix), len(low.parts)
