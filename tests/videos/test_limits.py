"""Live streams, and limits of length and size."""

import pytest

from stages.common.errors import Failed
from stages.videos.site import look_up


class Site:
    """Says one thing of every address."""

    def __init__(self, **info):
        self.info = info

    def extract_info(self, address, download):
        return self.info


@pytest.mark.parametrize(
    "info",
    [{"is_live": True}, {"live_status": "is_live"}, {"live_status": "is_upcoming"}, {"live_status": "post_live"}],
)
def test_what_a_site_calls_live_is_not_looked_at_further(params, info):
    with pytest.raises(Failed, match="a live stream is fetched when it has become a recording") as failed:
        look_up(Site(**info), "http://x", params)
    assert failed.value.reason == "live"


@pytest.mark.parametrize("info", [{}, {"is_live": False}, {"live_status": "was_live"}, {"live_status": "not_live"}])
def test_a_recording_of_a_live_stream_is_a_video(params, info):
    assert look_up(Site(**info), "http://x", params) == info


@pytest.mark.parametrize("copies", ["one", "two"])
def test_a_playlist_without_an_end_is_live(film, catalog, site, run_videos, copies):
    """A page that says nothing of it; waiting for its end would last for ever."""
    from recording import noise

    address = site.two_copies("room", noise(50))
    for path in (site.folder / "room").glob("*.m3u8"):
        path.write_text(path.read_text().replace("#EXT-X-ENDLIST\n", "").replace("#EXT-X-PLAYLIST-TYPE:VOD\n", ""))
    film("site/other.mp4")
    links = [address if copies == "two" else address.replace("room.m3u8", "small.m3u8"), f"{site.url}/other.mp4"]
    status, table, _ = run_videos(catalog(videos=links))
    assert table.index.tolist() == ["other"]
    (row,) = status[status.index != "other"].itertuples()
    assert (row.status, row.reason) == ("failed", "live")
    assert not [path for path in site.asked if path.endswith(".ts")]


@pytest.mark.parametrize("place", ["site", "catalog"])
def test_what_is_too_large_is_not_kept(film, catalog, site, run_videos, place, tmp_path):
    path = film(f"{place}/large.mp4", seconds=20)
    small = film(f"{place}/small.mp4", seconds=1.2)
    limit = (path.stat().st_size + small.stat().st_size) / 2 / 1e6
    lines = [f"{site.url}/{name}" if place == "site" else name for name in ("large.mp4", "small.mp4")]
    folder = catalog(videos=lines)
    status, table, _ = run_videos(folder, max_size_mb=limit)
    assert table.index.tolist() == ["small"]
    assert status.loc["large", ["status", "reason"]].tolist() == ["rejected", "file_too_large"]
    assert not (tmp_path / "data/videos/.partial").exists()
    assert len(run_videos(folder, max_size_mb=1e3)[1]) == 2
    assert run_videos(folder, max_size_mb=limit)[1].index.tolist() == ["small"], "one that was fetched before, too"


@pytest.mark.parametrize("place", ["site", "catalog"])
def test_what_is_too_long_is_not_kept(film, catalog, site, run_videos, place):
    for name, seconds in (("long", 6), ("short", 2)):
        film(f"{place}/{name}.mp4", seconds=seconds)
    lines = [f"{site.url}/{name}" if place == "site" else name for name in ("long.mp4", "short.mp4")]
    status, table, _ = run_videos(catalog(videos=lines), max_duration_s=4.0)
    assert table.index.tolist() == ["short"]
    assert status.loc["long", ["status", "reason"]].tolist() == ["rejected", "too_long"]
