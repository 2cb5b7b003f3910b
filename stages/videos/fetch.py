"""Fetch one video in full: download, final name and container, check of the whole file, and its record."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from stages.common.data.files import sha256
from stages.common.errors import Failed, Rejected
from stages.common.incremental.runner import Item
from stages.common.tables.videos import VIDEO
from stages.videos.local import SUFFIXES
from stages.videos.metadata import known
from stages.videos.params import Params
from stages.videos.rules import check_file, check_metadata, check_size, probe
from stages.videos.site import attempt, downloader, look_up
from stages.videos.withdrawn import Withdrawn

FIELDS = ("title", "channel", "channel_id", "channel_follower_count", "language", "license", "upload_date", "format_id")
UNFINISHED = {".part", ".ytdl", ".json"}
# A video becomes mp4 where mp4 can hold its streams, and otherwise keeps the container that it came in.
FILES = (tuple(f"media/{{id}}.{ending}" for ending in ("mp4", *sorted(SUFFIXES - {"mp4"}))), "media/{id}.json")


def fetch(item: Item, scratch: Path, params: Params, withdrawn: Withdrawn, partial: Path) -> None:
    """Write media/ID.mp4, or another ending, and media/ID.json below `scratch`.

    A download that breaks off is kept in `partial`/ID, and the next run resumes it. Raises Rejected with the rule that
    a video breaks, and Failed for what went wrong.
    """
    import yt_dlp

    folder = partial / item.id
    local = "file" in item.data
    try:
        info, source = _local(item, params, withdrawn) if local else _download(item, params, withdrawn, folder)
    except Rejected:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    file = _in_place(source, scratch / "media", item.id, keep=local)
    shutil.rmtree(folder, ignore_errors=True)
    record: Any = {"video_id": item.id, "url": item.data["place"], "field": item.data.get("field", "")}
    facts = known(info)
    record |= {name: facts.get(name) for name in FIELDS}
    record |= probe(file)
    check_file(record, file.stat().st_size, params)
    record |= {"yt_dlp": yt_dlp.version.__version__, "digest": sha256(file)}
    VIDEO.write(scratch / "media" / f"{item.id}.json", record)


def _local(item: Item, params: Params, withdrawn: Withdrawn) -> tuple[dict[str, Any], Path]:
    """What the sidecar says of a video that is a file on this machine, and the file."""
    if item.data["problem"]:
        raise item.data["problem"]
    check_metadata(item.data["info"], params, withdrawn)
    path = Path(item.data["file"])
    check_size(path.stat().st_size, params)
    return {"format_id": "0", **item.data["info"]}, path


def _download(item: Item, params: Params, withdrawn: Withdrawn, folder: Path) -> tuple[dict[str, Any], Path]:
    """What the site says of a video, and the file that was downloaded to `folder`."""
    height = params.max_height
    wanted = f"bv*[height<={height}]+ba/b[height<={height}]/bv*+ba/b"
    with downloader(params, format=wanted, outtmpl=str(folder / f"{item.id}.%(ext)s")) as site:
        info = look_up(site, item.data["place"], params)
        check_metadata(info, params, withdrawn)
        done = attempt(lambda: site.process_ie_result(info, download=True), params)
    found = [path for path in folder.iterdir() if path.suffix not in UNFINISHED]
    if len(found) != 1:
        raise Failed("download", f"{item.id}: yt-dlp left {len(found)} files, expected one")
    return done, found[0]


def _in_place(source: Path, folder: Path, name: str, keep: bool) -> Path:
    """Give a file its final name, in `folder`, and return it; `keep` says that the source stays.

    Another container becomes mp4, with the streams unchanged, where mp4 can hold them, and else stays as it is, or
    becomes mkv where the file's name does not say what it is.
    """
    try:
        is_mp4 = _is_mp4(source)
        if not is_mp4:
            probe(source)  # the header of a copy in another container would say how long the copy is
    except Failed:
        if not keep:
            shutil.rmtree(source.parent)
        raise
    mp4, ending = folder / f"{name}.mp4", source.suffix[1:].lower()
    if not is_mp4:
        if not _remux(source, mp4):
            return mp4
        mp4.unlink(missing_ok=True)
    if not is_mp4 and (ending == "mp4" or ending not in SUFFIXES):
        mkv = mp4.with_suffix(".mkv")
        if problem := _remux(source, mkv):
            raise Failed("container", f"{name} cannot be re-wrapped as mp4 or mkv: {problem}")
        return mkv
    target = mp4 if is_mp4 else mp4.with_suffix(f".{ending}")
    if keep:
        shutil.copyfile(source, target)
    else:
        source.replace(target)
    return target


def _is_mp4(source: Path) -> bool:
    import av

    try:
        with av.open(str(source)) as container:
            return "mp4" in container.format.name.split(",")
    except av.FFmpegError as error:
        raise Failed("unreadable", f"{source.name} is not a readable video: {error}") from None


def _remux(source: Path, target: Path) -> str:
    """Write the first streams of picture and sound to `target`, unchanged; return what ffmpeg has against it, or ""."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(source), "-map", "0:v:0", "-map", "0:a:0?"]
    command += ["-c", "copy", "-fflags", "+bitexact", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return done.stderr.strip()[:200] or "ffmpeg stopped" if done.returncode else ""
