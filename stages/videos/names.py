"""Names of videos and channels: ids that can name files, and every form in which a site or a person writes one."""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from stages.common.data.files import SAFE_ID

HASH = 8  # digits of a hash that keeps ids apart
LONGEST = 100  # letters of a name that are kept in front of such a hash
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?/", re.IGNORECASE)
HOSTS = re.compile(r"^(?:www|m|music)\.")  # the same pages, for other devices
# yt-dlp puts the id into brackets at the end of a file's name, youtube-dl put it behind a dash.
ID_IN_NAME = re.compile(r"\[([^\[\]]+)\]$|-([0-9A-Za-z_-]{11})$")
# What yt-dlp says of a video that names it, or its channel.
OF_THE_VIDEO = ("id", "webpage_url", "original_url", "url")
OF_THE_CHANNEL = ("channel_id", "uploader_id", "channel_url", "uploader_url")


def video_id(name: str) -> str:
    """`name` if it is a valid id; otherwise its ASCII letters and digits, and a hash, so that ids stay unique."""
    if SAFE_ID.fullmatch(name):
        return name
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return with_hash(re.sub(r"[^A-Za-z0-9]+", "_", letters).strip("_") or "video", name)


def with_hash(name: str, of: str) -> str:
    """The valid id `name` with a hash of `of` behind it."""
    spelled = unicodedata.normalize("NFC", of).encode(errors="surrogatepass")  # the same on every file system
    return f"{name[:LONGEST]}_{hashlib.sha256(spelled).hexdigest()[:HASH]}"


def names_of(info: Mapping[str, Any], *more: str) -> frozenset[str]:
    """Names of a video and its channel, by what yt-dlp says of it and by `more` names, in the form of `forms`."""
    channel = [forms(str(info[key])) for key in OF_THE_CHANNEL if info.get(key)]
    video = [str(info[key]) for key in OF_THE_VIDEO if info.get(key)]
    return frozenset(_plain(name) for name in (*video, *more)).union(*channel)


def names_in(stem: str) -> Iterable[str]:
    """The ids that a file's name may have been given by yt-dlp."""
    match = ID_IN_NAME.search(stem)
    return [group for group in match.groups() if group] if match else []


@functools.cache
def forms(text: str) -> frozenset[str]:
    """Names that `text`, as a person writes it, may stand for: itself, and the id that yt-dlp finds in an address."""
    found = {_plain(text), _plain(text.replace("\\", "/").removeprefix("./").rstrip("/"))}
    if ADDRESS.match(text):
        found |= {_plain(name) for name in _ids_in(text)}
    return frozenset(found)


def _plain(name: str) -> str:
    """One spelling for a name's usual ones."""
    name = unicodedata.normalize("NFC", name.strip())
    if ADDRESS.match(name):
        return _address(name)
    return name.casefold() if name.startswith("@") else name  # handles of channels do not tell capitals


def _address(text: str) -> str:
    """An address without what makes no other page of it: scheme, "www.", fragment; beside a `v`, any parameter."""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:  # no address after all
        return text
    parameters = dict(parse_qsl(parts.query))
    if "v" in parameters:
        parameters = {"v": parameters["v"]}
    query = f"?{urlencode(parameters)}" if parameters else ""
    return HOSTS.sub("", parts.netloc.lower()) + unquote(parts.path).rstrip("/") + query


def _ids_in(address: str) -> Iterable[str]:
    """The id of a video, channel or playlist in an address, by yt-dlp's extractor for its site."""
    from yt_dlp.extractor import gen_extractor_classes

    page = f"https://{_address(address)}"
    for extractor in gen_extractor_classes():
        if extractor.ie_key() != "Generic" and extractor.suitable(page):
            name = extractor.get_temp_id(page)
            return [name] if name else []
    return []
