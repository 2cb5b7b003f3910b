"""The catalog: a folder of plain text files that says where to look for videos, and which to leave out.

One entry per line; a line that begins with '#' is a comment.

    searches.txt, searches/FIELD.txt   search terms, of a sub-pathology where the file is called so
    channels.txt                       addresses of channels or playlists
    videos.txt                         addresses, files or folders of single videos; paths are relative to the catalog
    withdrawn.txt                      ids or channel ids whose videos are not to be used

A file may have a sidecar ID.info.json beside it, as yt-dlp writes them.
"""

import hashlib
import logging
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from tqdm import tqdm

from stages.common.data.files import SAFE_ID, digest, read_json
from stages.common.errors import Failed, Rejected, StageError
from stages.common.incremental.runner import Item
from stages.common.tables.videos import ListedVideo, Listings
from stages.videos.params import Params
from stages.videos.site import attempt, downloader

MEDIA = {".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".ts"}
# YouTube by name: yt-dlp's search for videos, and the site's own result page with its filter for channels.
SEARCHES = {
    "videos": "ytsearch{count}:{terms}",
    "channels": "https://www.youtube.com/results?search_query={quoted}&sp=EgIQAg%3D%3D",
}
LISTS = ("Tab", "Playlist", "Channel", "User")  # how the names of yt-dlp's extractors of lists end

log = logging.getLogger(__name__)


def read_catalog(folder: Path, params: Params, listings: Listings) -> list[Item]:
    """Return one item per video that the catalog leads to, sorted by id; the first entry of an id wins.

    `listings` (address to the entries found there) is brought up to date: an address that cannot be listed now keeps
    what was found there before, so that a site in trouble removes no video. Raises StageError when the catalog is
    missing or empty, or when a line leads nowhere.
    """
    if not folder.is_dir():
        raise StageError(
            f"videos.catalog: {folder} is not a folder: make one with videos.txt, channels.txt or searches.txt"
        )
    local = [item for place in _files(folder) for item in place]
    sought = dict(_addresses(folder, params))
    for dropped in set(listings) - set(sought):
        del listings[dropped]
    for address in tqdm(sought, desc="listings", unit="list", disable=not sought):
        _update(listings, address, params)
    items: dict[str, Item] = {}
    for item in local:
        first = items.setdefault(item.id, item)
        if first.digest != item.digest:
            log.warning(f"{item.data['file']} has the id of {first.data['file']} and is left out: rename one of them")
    links: set[str] = set()
    for address, field in sought.items():
        for entry in listings.get(address, []):
            if entry["url"] not in links:
                items.setdefault(entry["id"], _remote(entry, field))
                links.add(entry["url"])
    if not items:
        raise StageError(
            f"videos.catalog: {folder} leads to no video: add a line to videos.txt, channels.txt or searches.txt"
        )
    return [items[name] for name in sorted(items)]


def read_withdrawn(folder: Path) -> set[str]:
    """Ids of videos and channels that withdrawn.txt lists."""
    return {text for _, text in _lines(folder / "withdrawn.txt")}


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if path.exists():
        for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
            if line.strip() and not line.lstrip().startswith("#"):
                yield number, line.strip()


def _addresses(folder: Path, params: Params) -> Iterator[tuple[str, str]]:
    """(address for yt-dlp, field or "") of every search, channel and single video."""
    for path in (folder / "searches.txt", *sorted((folder / "searches").glob("*.txt"))):
        for _, terms in _lines(path):
            address = SEARCHES[params.search].format(count=params.max_results, terms=terms, quoted=quote_plus(terms))
            yield address, path.stem if path.parent != folder else ""
    for name in ("channels.txt", "videos.txt"):
        for _, entry in _lines(folder / name):
            if "://" in entry:
                yield entry, ""


def _files(folder: Path) -> Iterator[list[Item]]:
    """Items of the files and folders that videos.txt names, a list for each line."""
    path = folder / "videos.txt"
    for number, entry in _lines(path):
        place = folder / entry
        if "://" in entry:
            continue
        if place.is_dir():
            yield [_local(file, folder) for file in sorted(place.iterdir()) if file.suffix.lower() in MEDIA]
        elif place.is_file():
            yield [_local(place, folder)]
        else:
            raise StageError(f"{path} line {number}: {entry} does not exist: correct the path or remove the line")


def _local(file: Path, folder: Path) -> Item:
    """An item for a file on this machine; its digest covers the file and its sidecar."""
    sidecar = file.with_suffix(".info.json")
    info = read_json(sidecar) if sidecar.exists() else {}
    name = _id(str(info.get("id", file.stem)))
    both = [file, sidecar] if sidecar.exists() else [file]
    place = file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name
    info = {"title": file.stem} | info | {"id": name}
    return Item(name, digest(*both), {"info": info, "place": place, "file": str(file)})


def _id(name: str) -> str:
    """`name` if it is a valid id; otherwise its ASCII letters and digits, and a hash, so that ids stay unique."""
    if SAFE_ID.fullmatch(name):
        return name
    name = unicodedata.normalize("NFC", name)  # the same on every file system
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9]+", "_", letters).strip("_")[:100]
    return f"{plain or 'video'}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _remote(entry: ListedVideo, field: str) -> Item:
    link = str(entry["url"])
    facts = {key: entry[key] for key in ("channel_id", "duration") if entry.get(key) is not None}
    return Item(entry["id"], hashlib.sha256(link.encode()).hexdigest(), {"info": facts, "place": link, "field": field})


def _update(listings: Listings, address: str, params: Params) -> None:
    """List `address` again; where that fails, print it and keep the earlier entries."""
    try:
        listings[address] = sorted(_listed(address, params, 2), key=lambda entry: str(entry["id"]))
    except (Failed, Rejected) as trouble:
        reason = trouble.reason
        tqdm.write(
            f"videos: {address[:200]} cannot be listed: {reason}: {trouble.message[:200]}; "
            f"{len(listings.get(address, []))} earlier entries stand"
        )


def _listed(address: str, params: Params, depth: int) -> list[ListedVideo]:
    """Entries (id, url, channel_id, duration) that yt-dlp lists at `address`, without visiting each video.

    Lists within a list (the channels that a search finds, a channel's tabs) are followed `depth` levels down.
    """
    with downloader(params, extract_flat="in_playlist", playlistend=params.max_results) as site:
        found: Any = attempt(lambda: site.extract_info(address, download=False), params)
    entries: list[ListedVideo] = []
    # An address that is not a list is a single video, which is fetched from its own page.
    for entry in found["entries"] if "entries" in found else [found | {"url": found.get("webpage_url") or address}]:
        link = str(entry.get("webpage_url") or entry.get("url"))
        if depth and str(entry.get("ie_key", "")).endswith(LISTS):
            entries += _listed(link, params, depth - 1)
            continue
        name = str(entry.get("id") or "")
        name = name if SAFE_ID.fullmatch(name) else hashlib.sha256(link.encode()).hexdigest()[:16]
        entries.append(
            {"id": name, "url": link, "channel_id": entry.get("channel_id"), "duration": entry.get("duration")}
        )
    return entries
