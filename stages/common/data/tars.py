"""Tars: written whole and the same bytes each time, and read by member or by webdataset sample."""

import io
import tarfile
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from stages.common.errors import StageError


class Member(NamedTuple):
    """Where a member's bytes lie in its tar, and the bytes themselves if they were asked for."""

    offset: int
    size: int
    data: bytes = b""


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
    """Writes members one by one to FOLDER/NAME-NNNNNN.tar, `size` members to a tar. A tar is there as a whole or not at
    all, as with write_tar.

    Tars left over from an earlier run are removed when the `with` block ends without an error.
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


def shard_samples(path: Path, read: Container[str], remedy: str) -> Iterator[tuple[str, dict[str, Member]]]:
    """Yield the samples of the webdataset shard `path`: key, and members by suffix (jpg, txt, json).

    Only members whose suffix is in `read` are read. Raises StageError where the shard is cut short or is not a tar; its
    message ends with `remedy`, which says what to do.
    """
    found: dict[str, dict[str, Member]] = {}
    last = "its beginning"
    try:
        with tarfile.open(path) as tar:
            for info in tar:
                key, _, suffix = info.name.partition(".")
                file = tar.extractfile(info) if suffix in read else None
                data = file.read() if file else b""
                found.setdefault(key, {})[suffix] = Member(info.offset_data, info.size, data)
                last = info.name
    except (tarfile.ReadError, EOFError):
        raise StageError(f"{path} is cut short after {last}: {remedy}") from None
    yield from found.items()
