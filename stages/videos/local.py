"""Videos that are files on this machine, alone or in folders, with what their sidecars say of them."""

import errno
import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stages.common.data.files import sha256
from stages.common.errors import Failed, Rejected
from stages.common.incremental.runner import Item
from stages.videos.metadata import Metadata
from stages.videos.names import names_in, names_of, video_id

# Files of these names are videos whatever is in them, so that a damaged one is reported; others are looked into.
SUFFIXES = {
    *("3g2", "3gp", "asf", "avi", "divx", "f4v", "flv", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg"),
    *("mts", "mxf", "ogm", "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv"),
}
UNFINISHED = {"part", "ytdl", "crdownload"}  # of downloads that broke off
STILL = {"tty", "gif"}  # containers by which PyAV makes moving pictures of texts and animations
LARGEST_SIDECAR = 1 << 27  # bytes; yt-dlp's have a few megabytes, of which comments are most
MIN_S = 1.0  # seconds; what lasts less is a picture

log = logging.getLogger(__name__)


def videos_in(folder: Path) -> Iterator[Path]:
    """Yield the videos below `folder`, in order of their paths; what is no video is logged."""
    for path in _walk(folder, set()):
        if _is_video(path):
            yield path
        else:
            log.info(f"{path} is no video")


def local_item(file: Path, catalog: Path, entry: str) -> Item:
    """An item for a file, which the line `entry` of the catalog leads to; its digest covers the file and its sidecar.

    `problem` is the error to raise instead of fetching a file that is empty, or that cannot be read.
    """
    bare = file.stem if _suffix(file) in SUFFIXES else file.name
    stem, sidecar = _text(bare), file.with_name(f"{bare}.info.json")
    place = _text(file.relative_to(catalog).as_posix() if file.is_relative_to(catalog) else file.name)
    hashes: list[str] = []
    info: dict[str, Any] = {}
    problem: Exception | None = None
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for, a device read for ever
            raise OSError(errno.EINVAL, "it is no file")
        hashes.append(sha256(file))
        if not file.stat().st_size:
            problem = Rejected("empty", f"{place} is an empty file")
        if os.access(sidecar, os.F_OK):  # no error where the name is too long, as Path.exists has
            hashes.append(_digest_of_sidecar(sidecar))
            info = Metadata.model_validate_json(sidecar.read_bytes()).model_dump(exclude_none=True)
    except Failed as error:
        problem = error
    except OSError as error:
        problem = Failed("unreadable", f"{place} cannot be read: {error.strerror}")
    except ValidationError as error:
        problem = Failed("sidecar", f"{_text(sidecar.name)}: {_first(error)}: correct or remove it")
    places = [
        _text(str(path)) for whole in (Path(place), file.absolute()) for path in (whole, *list(whole.parents)[:-1])
    ]
    names = names_of(info, *names_in(stem), stem, _text(file.name), _text(str(file)), *places, entry)
    data: dict[str, Any] = {"file": str(file), "place": place, "names": names, "problem": problem}
    data |= {"info": {"title": stem} | info, "content": hashes[0] if hashes and not problem else ""}
    digest = hashlib.sha256("".join(hashes).encode()).hexdigest()
    return Item(video_id(info.get("id") or stem), digest, data)


def _digest_of_sidecar(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > LARGEST_SIDECAR:
        raise Failed("sidecar", f"{_text(path.name)}: no file, or a too large one: correct or remove it")
    return sha256(path)


def _walk(folder: Path, visited: set[Path]) -> Iterator[Path]:
    """Files below `folder` and links that lead nowhere, hidden ones left out; a linked folder is entered once."""
    if folder.resolve() in visited:
        return
    visited.add(folder.resolve())
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        log.warning(f"{folder} cannot be read: {error.strerror}")
        return
    for path in inside:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, visited)
        elif path.is_file() or path.is_symlink():
            yield path


def _is_video(path: Path) -> bool:
    """Whether a file's name or its container says that it is a video; texts, pictures and sounds are none."""
    import av

    if _suffix(path) in SUFFIXES:
        return True
    if _suffix(path) in UNFINISHED:
        return False
    try:
        with av.open(str(path)) as container:
            moving = any(av.stream.Disposition.attached_pic not in one.disposition for one in container.streams.video)
            lasts = (container.duration or 0) / av.time_base >= MIN_S
            return moving and lasts and container.format.name not in STILL
    except (av.FFmpegError, OSError):
        return False


def _suffix(path: Path) -> str:
    return path.suffix[1:].lower()


def _text(name: str) -> str:
    """A file's name as text that can be written, also where its bytes are no UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return ": ".join([*map(str, first["loc"]), first["msg"]])
