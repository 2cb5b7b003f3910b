"""Catalogs, what yt-dlp says of videos, their sidecars, and cookies."""

import contextlib
import json

import pytest
from hostile import as_json, damaged, deep, long_texts, nearly, texts, values
from hypothesis import given
from hypothesis import strategies as st

from stages.common.data.files import SAFE_ID
from stages.common.errors import Failed, Rejected
from stages.common.tables.videos import LISTINGS
from stages.videos import catalog
from stages.videos.local import local_item
from stages.videos.names import forms, video_id
from stages.videos.rules import check_metadata
from stages.videos.site import downloader, look_up
from stages.videos.withdrawn import read_withdrawn

INFO = {
    "id": "abcdefghijk",
    "title": "Nests of tumour cells",
    "channel_id": "UC1",
    "channel_follower_count": 10,
    "webpage_url": "https://example.org/watch?v=abcdefghijk",
    "duration": 60.5,
    "language": "en-GB",
    "requested_formats": [{"url": "http://x/", "protocol": "m3u8"}],
}
LIST = {
    "id": "c",
    "ie_key": "Tab",
    "entries": [INFO | {"url": "x", "ie_key": "Youtube"}, {"url": "y", "ie_key": "YoutubeTab"}],
}
NAMES = (
    "entries",
    "id",
    "url",
    "ie_key",
    "duration",
    "channel_id",
    "channel_follower_count",
    "language",
    "webpage_url",
    "title",
)
COOKIES = b"# Netscape HTTP Cookie File\nexample.org\tFALSE\t/\tFALSE\t0\tname\tvalue\n"
LINES = st.one_of(st.sampled_from(["a.mp4", "a [abcdefghijk].mp4", "https://example.org/watch?v=1", "@handle"]), texts)
LISTS = st.lists(LINES, max_size=4).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))


class Site:
    """yt-dlp that found `found` wherever it was asked."""

    def __init__(self, found):
        self.found = found

    def extract_info(self, address, download):
        return json.loads(json.dumps(self.found))

    def urlopen(self, request):
        return self

    def read(self):
        return b"#EXT-X-TARGETDURATION"


@given(
    st.dictionaries(
        st.sampled_from(["videos.txt", "channels.txt", "searches.txt", "searches/Renal.txt", "withdrawn.txt"]),
        st.one_of(LISTS, damaged(b"a.mp4 # comment\nhttps://example.org/\n")),
    ),
    st.one_of(nearly(LIST, *NAMES), nearly(INFO, *NAMES)).filter(lambda found: isinstance(found, dict)),
)
def test_catalogs_and_listings(fuzz, params, files, found):
    def read(folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catalog, "downloader", lambda *args, **more: contextlib.nullcontext(Site(found)))
            patch.setattr(catalog.tqdm, "write", lambda text: None)
            listings = {}
            items = catalog.read_catalog(folder, params, listings)
            LISTINGS.checked(listings, "listings")
        assert all(SAFE_ID.fullmatch(item.id) for item in items)
        return [(item.id, item.digest) for item in items]

    fuzz(read, {"a.mp4": b"x", "a [abcdefghijk].mp4": b"y"} | files)


@given(nearly(INFO, *NAMES).filter(lambda info: isinstance(info, dict)), LISTS)
def test_what_a_site_says(fuzz, params, info, withdrawn):
    def read(folder):
        made = {"requested_formats": INFO["requested_formats"]}  # by yt-dlp itself
        found = look_up(Site(info | made), "https://example.org/", params)
        check_metadata(found, params, read_withdrawn(folder))

    fuzz(read, {"withdrawn.txt": withdrawn}, allowed=[Failed, Rejected])


@given(st.one_of(nearly(INFO, *NAMES).map(as_json), values(*NAMES).map(as_json), damaged(as_json(INFO)), deep("[")))
def test_sidecars(fuzz, params, data):
    def read(folder):
        item = local_item(folder / "a.mp4", folder, "a.mp4")
        assert SAFE_ID.fullmatch(item.id)
        if item.data["problem"]:
            raise item.data["problem"]
        check_metadata(item.data["info"], params, read_withdrawn(folder))

    fuzz(read, {"a.mp4": b"x", "a.info.json": data}, allowed=[Failed, Rejected])


@given(st.one_of(texts, long_texts("http://x/", "a.", "[", "-", "@", "?v=")))
def test_names(fuzz, name):
    def read(folder):
        assert SAFE_ID.fullmatch(video_id(name))
        assert not video_id(name).startswith("-")
        return sorted(forms(name))

    fuzz(read)


@given(damaged(COOKIES))
def test_cookies(fuzz, params, data):
    with downloader(params):  # which asks the machine what it is at first
        pass

    def read(folder):
        with downloader(params.model_copy(update={"cookies": str(folder / "cookies.txt")})) as site:
            return len(site.cookiejar)

    fuzz(read, {"cookies.txt": data})
