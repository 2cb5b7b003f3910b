"""The catalog: a folder of plain text files that says where to look for videos, and which to leave out.

One entry per line. A line that begins with '#' is a comment, and so is what follows white space and '#' in a line.

    searches.txt, searches/FIELD.txt   search terms, of a sub-pathology where the file is called so
    channels.txt                       addresses of channels or playlists
    videos.txt                         addresses, files or folders of single videos; paths are relative to the catalog
    withdrawn.txt                      videos and channels that are not to be used, by id, address or file

A file may have a sidecar NAME.info.json beside it, as yt-dlp writes them.
"""

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from tqdm import tqdm

from stages.common.errors import Failed, Rejected, StageError
from stages.common.incremental.runner import Item
from stages.common.tables.videos import ListedVideo, Listings
from stages.videos.lines import read_lines, readings, without_comment
from stages.videos.local import local_item, videos_in
from stages.videos.metadata import known
from stages.videos.names import forms, names_of, video_id, with_hash
from stages.videos.params import Params
from stages.videos.site import attempt, downloader

# YouTube by name: yt-dlp's search for videos, and the site's own result page with its filter for channels.
SEARCHES = {
    "videos": "ytsearch{count}:{terms}",
    "channels": "https://www.youtube.com/results?search_query={quoted}&sp=EgIQAg%3D%3D",
}
LISTS = ("Tab", "Playlist", "Channel", "User")  # how the names of yt-dlp's extractors of lists end
ANY_SITE = "Generic"  # yt-dlp's extractor for sites that it does not know: its ids are names of files, and not unique

log = logging.getLogger(__name__)


def read_catalog(folder: Path, params: Params, listings: Listings) -> list[Item]:
    """Return one item per video that the catalog leads to, sorted by id.

    `listings` (address to the entries found there) is brought up to date: an address that cannot be listed now keeps
    what was found there before, so that a site in trouble removes no video. Raises StageError when the catalog is
    missing or empty, or when a line leads nowhere.
    """
    if not folder.is_dir():
        raise StageError(
            f"videos.catalog: {folder} is not a folder: make one with videos.txt, channels.txt or searches.txt"
        )
    items = _Items()
    for file, entry in _files(folder):
        items.add(local_item(file, folder, entry), identity=os.path.relpath(file, folder))
    sought = dict(_addresses(folder, params))
    for dropped in set(listings) - set(sought):
        del listings[dropped]
    for address in tqdm(sought, desc="listings", unit="list", disable=not sought):
        _update(listings, address, params)
    for address, field in sought.items():
        via = forms(address)
        for video in listings.get(address, []):
            items.add(_remote(video, field, via), identity=video["url"])
    if not items.by_id:
        raise StageError(
            f"videos.catalog: {folder} leads to no video: add a line to videos.txt, channels.txt or searches.txt"
        )
    return [items.by_id[name] for name in sorted(items.by_id)]


class _Items:
    """Items with an id each. Of different videos of one name the first has it; later ones have a hash behind it."""

    def __init__(self) -> None:
        self.by_id: dict[str, Item] = {}
        self._seen: set[str] = set()
        self._first: dict[str, str] = {}

    def add(self, item: Item, identity: str) -> None:
        """Add an item unless the video of this `identity`, a path or an address, was added before. Of files of the same
        content, later ones are a `copy_of` the first."""
        if identity in self._seen:
            return
        self._seen.add(identity)
        name, site = item.id, item.data.get("site")
        if name in self.by_id:
            # An id that a site gave is that video's wherever it is found, in the name of a file as well.
            if site and self.by_id[name].data.get("site", site) == site:
                return
            name = with_hash(name, identity)
        data = item.data | {"names": item.data["names"] | {name}}
        if content := item.data.get("content"):
            data["copy_of"] = self._first.setdefault(content, name)
        self.by_id[name] = Item(name, item.digest, data)


def _addresses(folder: Path, params: Params) -> Iterator[tuple[str, str]]:
    """(address for yt-dlp, field or "") of every search, channel and single video."""
    for path in (folder / "searches.txt", *sorted((folder / "searches").glob("*.txt"))):
        for _, entry in read_lines(path):
            terms = without_comment(entry)
            address = SEARCHES[params.search].format(count=params.max_results, terms=terms, quoted=quote_plus(terms))
            yield address, path.stem if path.parent != folder else ""
    for name in ("channels.txt", "videos.txt"):
        for _, entry in read_lines(folder / name):
            if _is_address(entry):
                yield without_comment(entry), ""


def _is_address(entry: str) -> bool:
    return "://" in without_comment(entry)


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """(file, entry) of the files and folders that videos.txt names."""
    path = folder / "videos.txt"
    for number, entry in read_lines(path):
        if _is_address(entry):
            continue
        # A link that leads nowhere is there: it becomes a row.
        there = (one for one in readings(entry) if os.path.lexists(folder / one))
        if (found := next(there, None)) is None:
            raise StageError(f"{path} line {number}: {entry} does not exist: correct the path or remove the line")
        place = folder / found
        files = list(videos_in(place)) if place.is_dir() else [place]
        if not files:
            log.warning(f"{path} line {number}: there is no video in the folder {found}")
        for file in files:
            yield file, found


def _remote(entry: ListedVideo, field: str, via: Iterable[str]) -> Item:
    """An item for a video on a site, which the address of the names `via` listed."""
    link = entry["url"]
    facts = {key: entry[key] for key in ("channel_id", "duration") if entry.get(key) is not None}
    names = names_of(entry, entry.get("site_id") or "", *via)
    site = entry.get("site") or ""
    data = {"info": facts, "place": link, "field": field, "names": names, "site": "" if site == ANY_SITE else site}
    return Item(entry["id"], hashlib.sha256(link.encode()).hexdigest(), data)


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
    listed = found["entries"] if "entries" in found else [found | {"url": found.get("webpage_url") or address}]
    for facts in (known(entry) for entry in listed or () if isinstance(entry, dict)):
        link = facts.get("webpage_url") or facts.get("url")
        if not link:
            log.warning(f"{address}: an entry without an address is left out: {facts}")
        elif depth and facts.get("ie_key", "").endswith(LISTS):
            entries += _listed(link, params, depth - 1)
        else:
            entries.append(_entry(facts, link))
    return entries


def _entry(facts: dict[str, Any], link: str) -> ListedVideo:
    """What is kept of an entry of yt-dlp's."""
    name = facts.get("id", "")
    return {
        "id": video_id(name) if name else hashlib.sha256(link.encode()).hexdigest()[:16],
        "url": link,
        "channel_id": facts.get("channel_id"),
        "duration": facts.get("duration"),
        "site": facts.get("ie_key") or facts.get("extractor_key") or "",
        "site_id": name,
        "uploader_id": facts.get("uploader_id"),
        "channel_url": facts.get("channel_url"),
        "uploader_url": facts.get("uploader_url"),
    }
