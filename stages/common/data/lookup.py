"""Images that tables name, found below a folder: whatever the table says of where they lay, their file name tells."""

import os
import re
import tarfile
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from itertools import takewhile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from stages.common.data.reading import JUNK, is_kept, said
from stages.common.data.references import BROKEN, TAR, ZIP
from stages.common.data.tars import Header
from stages.common.errors import Rejected

ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".avif", ".jp2", ".jpe", ".j2k")
MISSING, AMBIGUOUS, ADDRESS = "missing_image", "ambiguous_image", "image_is_an_address"
CAPTION = re.compile(r"#\d+$")
CLOSED = re.compile(r"\.(tar\.\w+|tgz|tbz2|txz|7z|rar)$", re.IGNORECASE)  # archives that cannot be read in any order


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below `folder`, in order, through links too; nothing hidden, and none of what systems leave behind."""
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = Path(place).resolve()
        if real in seen:  # a link back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in JUNK)
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


class ImageFinder:
    """Finds images below `root` by the names that tables give them; zips and tars below it are looked into as well.
    `damaged` are those of them that cannot be read, and why."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.damaged: list[tuple[Path, str]] = []
        self._closed: list[Path] = []  # archives that are not looked into

    def find(self, name: str, *folders: Path) -> str:
        """The reference of the image `name`: the file of that path in one of `folders` or in the root, or else the one
        file below the root with that file name, or with its stem, whose path has most in common with `name`.

        Case, the ending, backslashes and what an absolute path or an address begins with do not count. Raises
        Rejected: missing_image, ambiguous_image or image_is_an_address.
        """
        for folder in (*folders, self._root):
            if path := _inside(folder, name):
                return str(path)
        wanted = _plain(name)
        found = self._by_name.get(wanted.name) or self._by_stem.get(_stem(wanted)) or []
        best = _closest(wanted, found)
        if len(best) == 1:
            return best[0]
        if best:
            shown = ", ".join(os.path.relpath(one, self._root) for one in best[:2])
            raise Rejected(AMBIGUOUS, f"{name}: {len(best)} files have this name: {shown}")
        if name.lower().startswith(("http://", "https://")):
            raise Rejected(ADDRESS, name)
        if Path(name).is_absolute() and _inside(Path("/"), name):
            raise Rejected(MISSING, f"{name}: outside of the folder")
        closed = f"; {self._closed[0].name} is not looked into: unpack it" if self._closed else ""
        raise Rejected(MISSING, f"{name}{closed}")

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """References of all files below the root, by plain file name."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in files_below(self._root):
            if path.suffix.lower() in (".zip", ".tar"):
                for member in self._members(path):
                    found[_plain(member).name].append(f"{path}#{member}")
            elif CLOSED.search(path.name):
                self._closed.append(path)
            else:
                found[_plain(path.name).name].append(str(path))
        return dict(found)

    def _members(self, path: Path) -> list[str]:
        """Names of the images in a zip or tar."""
        try:
            if path.suffix.lower() == ".zip":
                with zipfile.ZipFile(path) as archive:
                    names = sorted(archive.namelist())
            else:
                with tarfile.open(path, "r:", tarinfo=Header) as tar:
                    names = sorted(info.name for info in tar if info.isfile())
        except (OSError, ValueError, *BROKEN) as error:
            self.damaged.append((path, said(error, path)))
            return []
        return [one for one in names if one.lower().endswith(ENDINGS) and is_kept(one)]

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name, references in self._by_name.items():
            if name.endswith(ENDINGS):
                found[_stem(PurePosixPath(name))] += references
        return dict(found)


def _inside(folder: Path, name: str) -> Path | None:
    """The file at the path `name` below `folder`; links may lead anywhere, the path itself may not."""
    if not name or "\0" in name:
        return None
    whole = Path(os.path.normpath(folder / name))
    try:
        return whole if whole.is_relative_to(os.path.normpath(folder)) and whole.is_file() else None
    except OSError:  # a name too long for a file's
        return None


def _plain(name: str) -> PurePosixPath:
    """A path without what writers of the same file name differ in, and without the number of a caption (a.jpg#0)."""
    if "://" in name:
        with suppress(ValueError):  # no address
            name = unquote(urlsplit(name).path)
    name = unicodedata.normalize("NFC", name.replace("\\", "/")).strip().casefold()
    return PurePosixPath(CAPTION.sub("", name))


def _stem(path: PurePosixPath) -> str:
    return path.stem if path.suffix in ENDINGS else path.name


def _closest(wanted: PurePosixPath, references: list[str]) -> list[str]:
    """Of `references` those whose last folders agree with `wanted` the longest way up."""
    if len(references) < 2:
        return references
    # An archive may lie beside what was in it.
    files = [one for one in references if ZIP not in one and TAR not in one] or references
    common = [_common(wanted, _plain(one.replace("#", "/"))) for one in files]
    return [one for one, count in zip(files, common, strict=True) if count == max(common)]


def _common(one: PurePosixPath, other: PurePosixPath) -> int:
    """How many folders two paths have in common, from their files up."""
    pairs = zip(one.parts[-2::-1], other.parts[-2::-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
