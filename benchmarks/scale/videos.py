"""Made-up videos as a site has them, for the stage `videos`: what comes out of them later is in `results.py`."""

import zlib
from pathlib import Path
from typing import Any

from benchmarks.scale.results import VIDEO_S
from stages.common.data.files import write_bytes
from stages.common.frame_filter.classifier import filter_digest
from stages.common.incremental.runner import Item
from stages.common.paths import FRAME_FILTER_DIR
from stages.common.tables.videos import SHARES, VIDEO


def listed(address: str, params: Any, depth: int) -> list[dict[str, Any]]:
    """The videos of a channel, whose address ends in the first and the last number."""
    first, last = map(int, address.rsplit("/", 1)[1].split("-"))
    return [
        {
            "id": f"video{n:06d}",
            "url": f"https://www.youtube.com/watch?v=video{n:06d}",
            "channel_id": f"channel{first}",
            "duration": VIDEO_S,
            "site": "Youtube",
            "site_id": f"video{n:06d}",
        }
        for n in range(first, last)
    ]


def prescreen(item: Item, scratch: Path, **_: Any) -> None:
    """A small copy that shows histology."""
    found: Any = {
        "copy": "160",
        "histology": 0.8,
        "narrative": 0.8,
        "filter": filter_digest(FRAME_FILTER_DIR)[:12],
    }
    SHARES.write(scratch / f"{item.id}.json", found)


def fetch(item: Item, scratch: Path, **_: Any) -> None:
    """A video file that holds its name alone, and its record."""
    data = item.id.encode()
    write_bytes(scratch / "media" / f"{item.id}.mp4", data)
    record: Any = {
        "video_id": item.id,
        "url": item.data["place"],
        "field": "",
        "title": f"Case {item.id} of a lecture on pathology",
        "channel": "Lectures",
        "channel_id": item.data["info"]["channel_id"],
        "channel_follower_count": 1000,
        "language": "en",
        "license": "Creative Commons Attribution license (reuse allowed)",
        "upload_date": "20200101",
        "format_id": "22",
        "duration_s": VIDEO_S,
        "width": 1280,
        "height": 720,
        "fps": 25.0,
        "has_audio": True,
        "yt_dlp": "1",
        "digest": f"{zlib.crc32(data):064x}",
    }
    VIDEO.write(scratch / "media" / f"{item.id}.json", record)
