"""Fetch one video: what its site says, the screening rules, the download, and a look at the file that arrived."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.common.errors import Failed, Rejected
from stages.common.files import sha256, write_json
from stages.common.itemwise import Item
from stages.videos.params import Params

FIELDS = ("title", "channel", "channel_id", "channel_follower_count", "language", "license", "upload_date", "format_id")


def downloader(block: Params, **more: Any) -> Any:
    """Return a quiet yt-dlp with this block's limits; `more` are yt-dlp options."""
    import imageio_ffmpeg
    import yt_dlp

    options = {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Silent(),
        "ffmpeg_location": imageio_ffmpeg.get_ffmpeg_exe(),
        "format": f"bv*[height<={block.max_height}]+ba/b[height<={block.max_height}]/b",
        "merge_output_format": "mp4",
        "retries": block.retries,
        "fragment_retries": block.retries,
        "extractor_retries": block.retries,
        "sleep_interval_requests": block.sleep_s,
        "ratelimit": block.rate_limit or None,
        "cookiefile": block.cookies or None,
        "cachedir": False,
    }
    return yt_dlp.YoutubeDL(options | more)


class _Silent:
    """yt-dlp's messages reach us as exceptions; its log stays quiet."""

    def debug(self, _: str) -> None: ...
    def info(self, _: str) -> None: ...
    def warning(self, _: str) -> None: ...
    def error(self, _: str) -> None: ...


def fetch(item: Item, scratch: Path, block: Params) -> None:
    """Write media/ID.mp4 and media/ID.json below `scratch`; raises Rejected with the rule that a video breaks."""
    target = scratch / "media" / f"{item.id}.mp4"
    local = item.data.get("file")
    with downloader(block, outtmpl=str(target.with_suffix(".%(ext)s")), enable_file_urls=bool(local)) as site:
        if local:
            info = {"title": item.id, **item.data["info"], "extractor": "file", "extractor_key": "Generic"}
            info |= {
                "url": Path(local).resolve().as_uri(),
                "ext": Path(local).suffix[1:],
                "webpage_url": item.data["place"],
            }
        else:
            info = site.extract_info(item.data["place"], download=False)
        screen(info, block)
        done = site.process_ie_result(info, download=True)
    _settle(target)
    record = {"video_id": item.id, "url": item.data["place"]}
    record |= {name: done.get(name) for name in FIELDS}
    record |= look(target)
    screen_file(record, block)
    record["digest"] = sha256(target)
    write_json(target.with_suffix(".json"), record)


def screen(info: Mapping[str, Any], block: Params) -> None:
    """Apply the rules that need no download (paper section 3); what a site does not say passes."""
    if (info.get("channel_follower_count") or 0) >= block.max_subscribers:
        raise Rejected("channel_too_big")
    language = (info.get("language") or "").split("-")[0]
    if language and block.languages and language not in block.languages:
        raise Rejected("language")
    if info.get("duration") is not None and info["duration"] < block.min_duration_s:
        raise Rejected("too_short")


def screen_file(record: Mapping[str, Any], block: Params) -> None:
    """Apply the rules that the file itself answers."""
    if record["duration_s"] < block.min_duration_s:
        raise Rejected("too_short")
    if not record["has_audio"]:
        raise Rejected("no_audio")


def look(path: Path) -> dict[str, Any]:
    """Return duration_s, width, height, fps and has_audio of a file, after reading all its packets.

    Raises Failed when the file cannot be opened or ends before its header says it should.
    """
    import av

    try:
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            said = float(container.duration or 0) / av.time_base
            last = max((float(p.pts * p.time_base) for p in container.demux(video) if p.pts is not None), default=0.0)
            return _checked(
                path,
                said,
                last,
                {
                    "duration_s": round(said, 3),
                    "width": video.width,
                    "height": video.height,
                    "fps": float(video.average_rate or 0),
                    "has_audio": bool(container.streams.audio),
                },
            )
    except (av.FFmpegError, IndexError) as error:
        raise Failed("unreadable", f"{path.name} is not a readable video: {error}") from None


def _checked(path: Path, said: float, last: float, facts: dict[str, Any]) -> dict[str, Any]:
    if last < said - 1.5:
        raise Failed("truncated", f"{path.name} is truncated: it ends at {last:.1f} s of {said:.1f} s; fetch it again")
    return facts


def _settle(target: Path) -> None:
    """Give the downloaded file its final name; other containers are re-wrapped as mp4 without touching the streams."""
    if target.exists():
        return
    import subprocess

    import imageio_ffmpeg

    found = [p for p in target.parent.glob(f"{target.stem}.*") if p.suffix not in (".part", ".json")]
    if len(found) != 1:
        raise Failed("download", f"{target.name}: yt-dlp left {len(found)} files")
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        str(found[0]),
        "-c",
        "copy",
        "-fflags",
        "+bitexact",
        str(target),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed("container", f"{found[0].name} cannot be re-wrapped as mp4: {done.stderr.strip()[:200]}")
