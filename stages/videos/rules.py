"""Rules that a video must meet: by its metadata on the site, and by the file itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.common.errors import Failed, Rejected
from stages.videos.params import Params

END_S = 1.5  # seconds by which a file's streams may end before the time in its header
TAIL_S = 10.0  # seconds at the end that are decoded, not only read


def check_metadata(info: Mapping[str, Any], params: Params, withdrawn: set[str]) -> None:
    """Apply the rules that need no download (paper section 3); a value that the site lacks passes. Raises Rejected."""
    if withdrawn & {str(info.get(key)) for key in ("id", "channel_id", "uploader_id")}:
        raise Rejected("withdrawn")
    if (info.get("channel_follower_count") or 0) >= params.max_subscribers:
        raise Rejected("channel_too_big")
    language = (info.get("language") or "").split("-")[0]
    if language and params.languages and language not in params.languages:
        raise Rejected("language", f"the site says {language}")
    if info.get("duration") is not None and info["duration"] < params.min_duration_s:
        raise Rejected("too_short")


def check_file(record: Mapping[str, Any], params: Params) -> None:
    """Apply the rules that need the file. Raises Rejected."""
    if record["duration_s"] < params.min_duration_s:
        raise Rejected("too_short")
    if not record["has_audio"]:
        raise Rejected("no_audio")


def probe(path: Path) -> dict[str, Any]:
    """Return duration_s, width, height, fps and has_audio of a file, after reading all its packets.

    The last TAIL_S seconds are decoded. Raises Failed when the file cannot be opened or ends too early.
    """
    import av

    try:
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            duration = float(container.duration or 0) / av.time_base
            begin = float(container.start_time or 0) / av.time_base
            last = max((float(p.pts * p.time_base) for p in container.demux(video) if p.pts is not None), default=0.0)
            if last - begin < duration - END_S:
                raise _truncated(path, last - begin, duration)
            container.seek(max(0, round((last - TAIL_S) * av.time_base)), backward=True)
            shown = max((frame.time for frame in container.decode(video) if frame.time is not None), default=0.0)
            if shown < last - END_S:
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


def _truncated(path: Path, last: float, duration: float) -> Failed:
    return Failed("truncated", f"{path.name} is truncated: it ends at {last:.1f} s of {duration:.1f} s; fetch it again")
