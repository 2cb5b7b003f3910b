"""The catalog: a folder of plain text files that says where to look for videos.

searches.txt, channels.txt and videos.txt hold one entry a line ('#' starts a comment): search terms, addresses of
channels or playlists, and addresses, files or folders of single videos. Paths are relative to the catalog. A file may
have a sidecar ID.info.json beside it, as yt-dlp writes them.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.common.errors import StageError
from stages.common.files import SAFE_ID, digest, read_json
from stages.common.itemwise import Item
from stages.videos.params import Params

MEDIA = {".mp4", ".mkv", ".webm", ".mov", ".avi"}


def read_catalog(folder: Path, block: Params) -> list[Item]:
    """Return one item per video that the catalog leads to, sorted by id; the first entry of an id wins.

    Raises StageError when the catalog is missing or empty, or when a line leads nowhere.
    """
    if not folder.is_dir():
        raise StageError(
            f"videos.catalog: {folder} is not a folder: make one with videos.txt, channels.txt or searches.txt"
        )
    items: dict[str, Item] = {}
    for entry in _entries(folder, block):
        items.setdefault(entry.id, entry)
    if not items:
        raise StageError(
            f"videos.catalog: {folder} lists no video: add a line to videos.txt, channels.txt or searches.txt"
        )
    return [items[name] for name in sorted(items)]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if path.exists():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if text := line.partition("#")[0].strip() if line.lstrip().startswith("#") else line.strip():
                yield number, text


def _entries(folder: Path, block: Params) -> Iterator[Item]:
    for _, terms in _lines(folder / "searches.txt"):
        yield from _listed(f"ytsearch{block.max_results}:{terms}", block)
    for _, address in _lines(folder / "channels.txt"):
        yield from _listed(address, block)
    path = folder / "videos.txt"
    for number, entry in _lines(path):
        if "://" in entry:
            yield from _listed(entry, block)
        elif (place := folder / entry).is_dir():
            for file in sorted(p for p in place.iterdir() if p.suffix.lower() in MEDIA):
                yield _local(file, folder, f"{path} line {number}")
        elif place.is_file():
            yield _local(place, folder, f"{path} line {number}")
        else:
            raise StageError(f"{path} line {number}: {entry} does not exist: correct the path or remove the line")


def _local(file: Path, folder: Path, where: str) -> Item:
    """An item for a file on this machine; its digest covers the file and its sidecar."""
    sidecar = file.with_suffix(".info.json")
    info = read_json(sidecar) if sidecar.exists() else {}
    name = str(info.get("id", file.stem))
    if not SAFE_ID.fullmatch(name):
        raise StageError(f"{where}: '{name}' cannot be an id: rename the file with letters, digits, '-' and '_'")
    both = [file, sidecar] if sidecar.exists() else [file]
    place = file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name
    return Item(name, digest(*both), {"info": info | {"id": name}, "place": place, "file": str(file)})


def _listed(address: str, block: Params) -> Iterator[Item]:
    """Items for what yt-dlp lists at `address`, without visiting each video."""
    import yt_dlp

    from stages.videos.fetch import downloader

    try:
        with downloader(block, extract_flat="in_playlist", playlistend=block.max_results) as site:
            found: Any = site.extract_info(address, download=False)
    except yt_dlp.utils.DownloadError as error:
        raise StageError(f"videos.catalog: {address} cannot be listed: {' '.join(str(error).split())[:200]}") from None
    for entry in found.get("entries") or [found]:
        name = str(entry.get("id", ""))
        name = name if SAFE_ID.fullmatch(name) else hashlib.sha256(str(entry.get("url")).encode()).hexdigest()[:16]
        link = entry.get("webpage_url") or entry.get("url")
        yield Item(name, hashlib.sha256(str(link).encode()).hexdigest(), {"info": {}, "place": link})
