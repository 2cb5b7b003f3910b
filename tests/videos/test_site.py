"""yt-dlp's errors are told apart: what may pass and what will not."""

import errno
import io

import pytest
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError

from stages.common.errors import Failed, Rejected, StageError
from stages.videos.site import attempt, classify, downloader


def wrapped(cause):
    """As YoutubeDL raises it: the cause inside exc_info."""
    return DownloadError(f"ERROR: {cause}", (type(cause), cause, None))


def status(code):
    return HTTPError(Response(io.BytesIO(), "http://x", {}, code))


@pytest.mark.parametrize(
    ("cause", "reason", "permanent"),
    [
        (status(404), "removed", True),
        (status(410), "removed", True),
        (status(451), "geo_blocked", True),
        (status(400), "refused", True),
        (status(429), "rate_limited", False),
        (status(403), "forbidden", False),
        (status(503), "server_error", False),
        (ExtractorError("Private video. Sign in if you've been granted access"), "private", True),
        (ExtractorError("Video unavailable. This video has been removed by the uploader"), "removed", True),
        (ExtractorError("Sign in to confirm you’re not a bot"), "bot_check", False),
        (ExtractorError("Sign in to confirm your age"), "login_required", True),
        (ExtractorError("The uploader has not made this video available in your country"), "geo_blocked", True),
        (ExtractorError("Premieres in 3 hours"), "not_yet", False),
        (GeoRestrictedError("no"), "geo_blocked", True),
        (UnsupportedError("http://x"), "unsupported", True),
        (TransportError("Read timed out."), "timeout", False),
        (IncompleteRead(5, 10), "network", False),
        (ExtractorError("something new"), "download", False),
        (ExtractorError("page", cause=status(429)), "rate_limited", False),
    ],
)
def test_reasons(cause, reason, permanent):
    assert classify(wrapped(cause)) == (reason, permanent)


def test_a_full_disk_is_no_matter_of_the_video():
    with pytest.raises(OSError, match="No space") as error:
        classify(wrapped(OSError(errno.ENOSPC, "No space left on device")))
    assert error.value.errno == errno.ENOSPC


def test_what_may_pass_is_tried_again_and_what_will_not_is_not(params):
    tries = []

    def task(cause, good_after):
        tries.append(cause)
        if len(tries) <= good_after:
            raise wrapped(cause)
        return "done"

    assert attempt(lambda: task(status(429), 2), params) == "done"
    assert len(tries) == 3
    tries.clear()
    with pytest.raises(Failed, match=r"\(tried 3 times\)") as failed:
        attempt(lambda: task(status(503), 9), params)
    assert failed.value.reason == "server_error"
    tries.clear()
    with pytest.raises(Rejected, match="removed"):
        attempt(lambda: task(status(404), 9), params)
    assert len(tries) == 1


def test_cookies_are_read_and_never_written(tmp_path, params):
    jar = tmp_path / "cookies.txt"
    jar.write_text("# Netscape HTTP Cookie File\nexample.org\tFALSE\t/\tFALSE\t0\tname\tvalue\n")
    before = jar.read_bytes()
    with downloader(params.model_copy(update={"cookies": str(jar)})) as site:
        assert [cookie.name for cookie in site.cookiejar] == ["name"]
    assert jar.read_bytes() == before
    with pytest.raises(StageError, match=r"videos.cookies: .* not found: export cookies.txt"):
        downloader(params.model_copy(update={"cookies": str(tmp_path / "none")}))
    jar.write_text("junk\tjunk")
    with pytest.raises(StageError, match="is not a cookies.txt in Netscape's format"):
        downloader(params.model_copy(update={"cookies": str(jar)}))


def test_limits_reach_yt_dlp(params):
    with downloader(params.model_copy(update={"proxy": "socks5://h:1", "rate_limit": 9, "sleep_s": 2.0})) as site:
        found = site.params
    assert (found["proxy"], found["ratelimit"], found["sleep_interval_requests"]) == ("socks5://h:1", 9, 2.0)
    assert found["retry_sleep_functions"]["http"](3) == pytest.approx(0.08)
