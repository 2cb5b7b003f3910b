"""Fetch one video in full: download, final name and container, check of the whole file, and its record."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from stages.common.data.files import sha256
from stages.common.errors import Failed
from stages.common.incremental.runner import Item
from stages.common.tables.videos import VIDEO
from stages.videos.params import Params
from stages.videos.rules import check_file, check_metadata, probe
from stages.videos.site import attempt, downloader

FIELDS = ("title", "channel", "channel_id", "channel_follower_count", "language", "license", "upload_date", "format_id")
UNFINISHED = {".part", ".ytdl", ".json"}


def fetch(item: Item, scratch: Path, params: Params, withdrawn: set[str], partial: Path) -> None:
    """Write media/ID.mp4 and media/ID.json below `scratch`.

    A download that breaks off is kept in `partial`/ID, and the next run resumes it. Raises Rejected with the rule that
    a video breaks, and Failed for what went wrong.
    """
    import yt_dlp

    target = scratch / "media" / f"{item.id}.mp4"
    folder = partial / item.id
    local = item.data.get("file")
    if local:
        shutil.rmtree(folder, ignore_errors=True)
    height = params.max_height
    wanted = f"bv*[height<={height}]+ba/b[height<={height}]/bv*+ba/b"
    with downloader(
        params, format=wanted, outtmpl=str(folder / f"{item.id}.%(ext)s"), enable_file_urls=bool(local)
    ) as site:
        info = _about(item) if local else attempt(lambda: site.extract_info(item.data["place"], download=False), params)
        check_metadata(info, params, withdrawn)
        done = attempt(lambda: site.process_ie_result(info, download=True), params)
    _to_mp4(folder, target)
    shutil.rmtree(folder)
    record: Any = {"video_id": item.id, "url": item.data["place"], "field": item.data.get("field", "")}
    record |= {name: done.get(name) for name in FIELDS}
    record |= probe(target)
    check_file(record, params)
    record |= {"yt_dlp": yt_dlp.version.__version__, "digest": sha256(target)}
    VIDEO.write(target.with_suffix(".json"), record)


def _about(item: Item) -> dict[str, Any]:
    """The metadata of a local file, from its sidecar, in the form in which yt-dlp gives a site's."""
    file = Path(item.data["file"])
    info = {"title": item.id, **item.data["info"], "extractor": "file", "extractor_key": "Generic"}
    return info | {"url": file.resolve().as_uri(), "ext": file.suffix[1:], "webpage_url": item.data["place"]}


def _to_mp4(folder: Path, target: Path) -> None:
    """Give the downloaded file its final name; another container is remuxed to mp4, with the streams unchanged."""
    import av
    import imageio_ffmpeg

    found = [path for path in folder.iterdir() if path.suffix not in UNFINISHED]
    if len(found) != 1:
        raise Failed("download", f"{target.name}: yt-dlp left {len(found)} files, expected one")
    try:
        with av.open(str(found[0])) as container:
            is_mp4 = "mp4" in container.format.name.split(",")
    except av.FFmpegError as error:
        shutil.rmtree(folder)
        raise Failed("unreadable", f"{target.name} is not a readable video: {error}") from None
    if is_mp4:
        found[0].replace(target)
        return
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(found[0]), "-map", "0:v:0", "-map", "0:a:0?"]
    command += ["-c", "copy", "-fflags", "+bitexact", str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed("container", f"{found[0].name} cannot be re-wrapped as mp4: {done.stderr.strip()[:200]}")
