"""Tars: written whole and the same bytes each time, and read by member or by webdataset sample."""

import io
import tarfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from stages.common.errors import StageError

# Types of headers whose data, in extended forms, are names and notes of the member after them.
BEFORE_ANOTHER = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)
MOST_NOTES = 1 << 20  # bytes


class Header(tarfile.TarInfo):
    """A header of a tar from outside, for `tarfile.open(tarinfo=...)`. A tarfile.ReadError comes of names and notes
    that are longer than any real ones, which tarfile would read into memory whatever their length, and of sizes below
    zero, by which it would go back to where it has been, for ever (CVE-2025-8194)."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """The header in a block."""
        found = super().frombuf(buf, encoding, errors)
        if found.type in BEFORE_ANOTHER and found.size > MOST_NOTES:
            raise tarfile.ReadError(f"a header of {found.size} bytes")
        return found

    def _block(self, count: int) -> int:
        """Bytes of the blocks that `count` bytes fill; tarfile asks this of a header's size and of that in notes."""
        if count < 0:
            raise tarfile.ReadError(f"a size of {count} bytes")
        return -(-count // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


class Member(NamedTuple):
    """Where a member's bytes lie in its tar, and the bytes themselves if they were asked for."""

    offset: int
    size: int
    data: bytes = b""


def write_tar(path: Path, members: Mapping[str, bytes]) -> None:
    """Write `members` (name to bytes) as a tar whose headers hold no time, owner or host."""
    with tar_writer(path) as add:
        for name, data in members.items():
            add(name, data)


@contextmanager
def tar_writer(path: Path) -> Iterator[Callable[[str, bytes], None]]:
    """Give a function that adds a member to a tar such as write_tar makes; it is there when the block ends without an
    error, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:

        def add(name: str, data: bytes) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

        yield add
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


def shard_samples(path: Path, read: Container[str], remedy: str) -> Iterator[tuple[str, dict[str, Member]]]:
    """Yield the samples of the webdataset shard `path`: key, and members by suffix (jpg, txt, json).

    Only members whose suffix is in `read` are read. Raises StageError where the shard is cut short or is not a tar; its
    message ends with `remedy`, which says what to do.
    """
    found: dict[str, dict[str, Member]] = {}
    last = "its beginning"
    try:
        with tarfile.open(path, tarinfo=Header) as tar:
            for info in tar:
                key, _, suffix = info.name.partition(".")
                file = tar.extractfile(info) if suffix in read and info.isfile() else None
                data = file.read() if file else b""
                found.setdefault(key, {})[suffix] = Member(info.offset_data, info.size, data)
                last = info.name
    except (tarfile.TarError, EOFError, ValueError):  # ValueError: of notes that are no numbers
        raise StageError(f"{path} is cut short after {last}: {remedy}") from None
    yield from found.items()
