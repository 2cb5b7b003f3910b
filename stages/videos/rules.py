"""Rules that a video must meet: by its metadata on the site, and by the file itself."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.common.data.media import decoded, packets
from stages.common.errors import Failed, Rejected
from stages.videos.metadata import known
from stages.videos.names import names_of
from stages.videos.params import Params
from stages.videos.withdrawn import Withdrawn

END_S = 1.5  # seconds by which a file's streams may end before the time in its header
TAIL_S = 10.0  # seconds at the end that are decoded, not only read
MB = 1e6  # bytes


def check_metadata(info: Mapping[str, Any], params: Params, withdrawn: Withdrawn) -> None:
    """Apply the rules that need no download (paper section 3); a value that the site lacks passes. Raises Rejected."""
    info = known(info)
    withdrawn.check(names_of(info))
    if (info.get("channel_follower_count") or 0) >= params.max_subscribers:
        raise Rejected("channel_too_big")
    language = (info.get("language") or "").split("-")[0]
    if language and params.languages and language not in params.languages:
        raise Rejected("language", f"the site says {language}")
    if info.get("duration") is not None:
        check_duration(info["duration"], params)


def check_file(record: Mapping[str, Any], size: int, params: Params) -> None:
    """Apply the rules that need the file, of `size` bytes. Raises Rejected."""
    check_size(size, params)
    check_duration(record["duration_s"], params)
    if not record["has_audio"]:
        raise Rejected("no_audio")


def check_duration(seconds: float, params: Params) -> None:
    """Raises Rejected for a video that is too short or too long."""
    if seconds < params.min_duration_s:
        raise Rejected("too_short")
    if seconds > params.max_duration_s:
        raise Rejected("too_long", f"{seconds:.0f} s")


def check_size(size: float, params: Params) -> None:
    """Raises Rejected for a file, or what has arrived of it, that is too large."""
    if size > params.max_size_mb * MB:
        raise Rejected("file_too_large", f"more than {params.max_size_mb:g} MB")


def probe(path: Path) -> dict[str, Any]:
    """Return duration_s, width, height, fps and has_audio of a file, after reading all its packets.

    The last TAIL_S seconds are decoded. Raises Failed when the file cannot be opened or ends too early: its picture
    before the end of its track, or both picture and sound before the end of the file.
    """
    import av

    try:
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            begin = float(container.start_time or 0) / av.time_base
            last, ends = _read(container, video)
            end = max(ends.values(), default=begin)
            duration = float(container.duration or 0) / av.time_base or end - begin
            if end - begin < duration - END_S:
                raise _truncated(path, end - begin, duration)
            if video.duration and ends.get(video.index, 0.0) < (track_end := _track_end(video)) - END_S:
                raise _truncated(path, ends.get(video.index, 0.0), track_end)
            if (shown := _last_shown(path, last - TAIL_S)) < last - END_S:
                raise _truncated(path, shown - begin, duration)
            return {
                "duration_s": round(duration, 3),
                "width": video.width,
                "height": video.height,
                "fps": float(video.average_rate or 0),
                "has_audio": bool(container.streams.audio),
            }
    except (av.FFmpegError, IndexError) as error:
        raise Failed("unreadable", f"{path.name} is not a readable video: {error}") from None


def _read(container: Any, video: Any) -> tuple[float, dict[int, float]]:
    """When the last picture begins, and when each stream of picture or sound ends, in seconds."""
    last = 0.0
    ends: dict[int, float] = {}
    for packet in packets(container, *container.streams.video[:1], *container.streams.audio):
        if packet.pts is not None:
            begins = float(packet.pts * packet.time_base)
            ends_at = begins + float((packet.duration or 0) * packet.time_base)
            ends[packet.stream_index] = max(ends.get(packet.stream_index, ends_at), ends_at)
            last = max(last, begins) if packet.stream_index == video.index else last
    return last, ends


def _last_shown(path: Path, since: float) -> float:
    """When the last picture that can be decoded is shown; decoding begins at `since` seconds, if the file has an index
    to find it by."""
    import av

    with av.open(str(path)) as container:
        with contextlib.suppress(av.FFmpegError):
            container.seek(max(0, round(since * av.time_base)), backward=True)
        frames = decoded(container, container.streams.video[0])
        return max((frame.time for frame in frames if frame.time is not None), default=0.0)


def _track_end(video: Any) -> float:
    return float(((video.start_time or 0) + video.duration) * video.time_base)


def _truncated(path: Path, last: float, duration: float) -> Failed:
    return Failed("truncated", f"{path.name} is truncated: it ends at {last:.1f} s of {duration:.1f} s; fetch it again")
