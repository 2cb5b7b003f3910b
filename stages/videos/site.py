"""yt-dlp with this project's limits, and its errors as reasons for the manifest."""

import errno
import functools
import io
import logging
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from stages.common.errors import Failed, Rejected, StageError
from stages.common.retry import TemporaryError, retried, retry_after
from stages.videos.params import Params
from stages.videos.rules import check_size

T = TypeVar("T")

LONGEST_S = 900.0  # longest wait before a retry
NOT_RECORDED = ("is_live", "is_upcoming", "post_live")  # yt-dlp's live_status of what will be a video later

# (pattern in a site's message, reason, whether the video is lost for good); the first pattern that matches counts.
ERROR_MESSAGES = (
    (r"not a bot|captcha", "bot_check", False),
    (r"rate.?limit|too many requests|try again later", "rate_limited", False),
    (r"private video|video is private|members.only|join this channel", "private", True),
    (r"in your country|geo.?restrict|your location", "geo_blocked", True),
    (r"age.?restrict|confirm your age|sign in|log in|login required", "login_required", True),
    (r"premieres in|live event will begin|is upcoming", "not_yet", False),
    (r"removed|terminated|no longer available|does not exist|video unavailable|copyright", "removed", True),
    (r"unsupported url|no video formats|requested format is not available|drm protected", "unsupported", True),
    (r"timed out|timeout", "timeout", False),
)
log = logging.getLogger(__name__)

STATUSES = {401: ("login_required", True), 403: ("forbidden", False), 404: ("removed", True), 408: ("timeout", False)}
STATUSES |= {410: ("removed", True), 429: ("rate_limited", False), 451: ("geo_blocked", True)}


def downloader(params: Params, **more: Any) -> Any:
    """Return a quiet yt-dlp with the limits of `params`; `more` are yt-dlp options.

    A download that is larger than allowed raises Rejected. Raises StageError for bad cookies.
    """
    import imageio_ffmpeg
    import yt_dlp

    def limit(progress: dict[str, Any]) -> None:
        check_size(max(progress.get(key) or 0 for key in ("downloaded_bytes", "total_bytes")), params)

    wait = {kind: lambda n: params.backoff_s * 2**n for kind in ("http", "fragment", "extractor", "file_access")}
    options = {
        "quiet": True,
        "noprogress": True,
        "logger": logging.getLogger("yt_dlp"),
        "ffmpeg_location": imageio_ffmpeg.get_ffmpeg_exe(),
        "merge_output_format": "mp4/mkv",
        "retries": params.retries,
        "fragment_retries": params.retries,
        "extractor_retries": params.retries,
        "retry_sleep_functions": wait,
        "skip_unavailable_fragments": False,
        "socket_timeout": params.timeout_s,
        "sleep_interval_requests": params.sleep_s,
        "ratelimit": params.rate_limit or None,
        "proxy": params.proxy or None,
        "cookiefile": _cookies(params.cookies),
        "cachedir": False,
        "progress_hooks": [limit],
    }
    site = yt_dlp.YoutubeDL(options | more)
    try:
        _ = site.cookiejar  # loaded when first asked for
    except (yt_dlp.cookies.CookieLoadError, yt_dlp.utils.DownloadError):
        message = f"videos.cookies: {params.cookies} is not a cookies.txt in Netscape's format: export it anew"
        raise StageError(message) from None
    return site


def _cookies(path: str) -> io.StringIO | None:
    """The text of the cookie file; yt-dlp would write to a path, from every worker."""
    if not path:
        return None
    if not Path(path).is_file():
        raise StageError(f"videos.cookies: {path} not found: export cookies.txt from a browser, or leave it empty")
    _warn_of_readers(path)
    return io.StringIO(Path(path).read_text(encoding="utf-8", errors="replace"))


@functools.cache
def _warn_of_readers(path: str) -> None:
    """Log, once in a process, that a login lies open to other users of this machine."""
    if Path(path).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        log.warning(f"videos.cookies: other users of this machine can read {path}: chmod 600 {path}")


def look_up(site: Any, address: str, params: Params) -> dict[str, Any]:
    """Return what yt-dlp finds at the address of a video. Raises as `attempt` does, and Failed for a live stream."""
    info: dict[str, Any] = attempt(lambda: site.extract_info(address, download=False), params)
    if attempt(lambda: _is_live(site, info), params):
        raise Failed("live", "a live stream is fetched when it has become a recording")
    return info


def _is_live(site: Any, info: dict[str, Any]) -> bool:
    """Whether the site says so, or a playlist of segments (HLS) that was chosen has no end."""
    if info.get("is_live") or info.get("live_status") in NOT_RECORDED:
        return True
    chosen = info.get("requested_formats") or [info]
    return any(_is_endless(site, one) for one in chosen if "m3u8" in str(one.get("protocol", "")))


def _is_endless(site: Any, form: dict[str, Any]) -> bool:
    """Whether the playlist of a format lists segments but no end of them."""
    from yt_dlp.networking import Request

    playlist = site.urlopen(Request(form["url"], headers=form.get("http_headers") or {})).read()
    return b"#EXT-X-TARGETDURATION" in playlist and b"#EXT-X-ENDLIST" not in playlist


def attempt(task: Callable[[], T], params: Params) -> T:
    """Return the result of `task`, with retries and back-off after failures that may be temporary.

    Raises Rejected for permanent failures (removed, private, geo-blocked, ...), Failed for temporary ones that lasted
    for 1 + `params.retries` tries, and OSError when the disk is full.
    """
    import yt_dlp

    def once() -> T:
        try:
            return task()
        except yt_dlp.utils.YoutubeDLError as error:
            reason, permanent = classify(error)
            message = " ".join(re.sub(r"\x1b\[[0-9;]*m|ERROR: |; please report .*", "", str(error)).split())
            if permanent:
                raise Rejected(reason, message) from None
            raise TemporaryError(reason, message, max(map(_wait, _causes(error)))) from None

    tries = params.retries + 1
    try:
        return retried(once, tries, params.backoff_s, LONGEST_S)
    except TemporaryError as problem:
        raise Failed(problem.reason, f"{problem.message} (tried {tries} times)") from None


def _wait(cause: BaseException) -> float:
    """Seconds that the site asks for, where `cause` is an answer of it."""
    from yt_dlp.networking.exceptions import HTTPError

    return retry_after(cause.response.headers) if isinstance(cause, HTTPError) else 0.0


def classify(error: BaseException) -> tuple[str, bool]:
    """Return (reason, whether it is permanent) for an error of yt-dlp; raises the OSError behind a full disk."""
    from yt_dlp.networking.exceptions import HTTPError, TransportError
    from yt_dlp.utils import ContentTooShortError, GeoRestrictedError, UnsupportedError

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            raise cause
        if isinstance(cause, HTTPError):
            default = ("server_error", False) if cause.status >= 500 else ("refused", True)
            return STATUSES.get(cause.status, default)
        if isinstance(cause, GeoRestrictedError):
            return "geo_blocked", True
        if isinstance(cause, UnsupportedError):
            return "unsupported", True
    text = " ".join(str(cause) for cause in causes).lower()
    for pattern, reason, permanent in ERROR_MESSAGES:
        if re.search(pattern, text):
            return reason, permanent
    network = any(isinstance(cause, TransportError | ContentTooShortError) for cause in causes)
    return "network" if network else "download", False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that it wraps, each once."""
    queue, seen = [error], set()
    while queue:
        one = queue.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            inner = getattr(one, "exc_info", None) or (None, None)
            queue += [inner[1], getattr(one, "cause", None), one.__cause__, one.__context__]
