"""The demo's videos: files, sidecars as yt-dlp writes them, the catalog that lists them, and the gold labels."""

from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from stages.common.data.files import digest, write_bytes, write_json
from stages.demo.render import shoot
from stages.demo.script import HEIGHT, SIZES, WIDTH, Line, Script, Shot, cast, write
from stages.demo.voice import SAMPLE_RATE


def make_videos(out: Path, gold: Path, size: str, seed: int, jobs: int) -> dict[str, Any]:
    """Write `out`/videos.txt with `out`/media/ID.mp4 and ID.info.json, and the labels of all videos to `gold`."""
    rows = cast(size)
    calls = (delayed(_make_one)(row, out, seed, SIZES[size][3]) for row in rows)
    progress = tqdm(
        Parallel(n_jobs=jobs, return_as="generator")(calls), total=len(rows), desc="demo videos", unit="video"
    )
    labels = dict(progress)
    write_json(gold, labels)
    header = "# One video per line: an address, a file or a folder. Paths are relative to this file.\n"
    write_bytes(out / "videos.txt", (header + "".join(f"media/{row[0]}.mp4\n" for row in rows)).encode())
    return {"items": len(rows), "seconds_of_video": round(sum(label["duration_s"] for label in labels.values()))}


def _make_one(row: tuple[str, str, list[str], str], out: Path, seed: int, holds: int) -> tuple[str, dict[str, Any]]:
    script = write(*row, seed=seed, holds=holds)
    path = out / "media" / f"{script.video_id}.mp4"
    shoot(script, path)
    if script.decoy == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    write_json(path.with_suffix(".info.json"), _sidecar(script))
    return script.video_id, label_of(script, digest(path))


def _sidecar(script: Script) -> dict[str, Any]:
    """What a video site says of the video, in yt-dlp's field names."""
    return {
        "id": script.video_id,
        "title": f"{script.field_name} pathology: "
        + " and ".join(s.split(":")[0].replace("_", " ") for s in script.slides),
        "channel": f"{script.field_name} lectures (demo)",
        "channel_id": f"demo-{script.field_name.lower().replace(' ', '-')}",
        "channel_follower_count": 450_000 if script.decoy == "famous" else 4_200,
        "duration": round(script.now, 2),
        "language": "es" if script.decoy == "foreign" else "en",
        "license": "Creative Commons Attribution license (reuse allowed)",
        "upload_date": "20220101",
        "width": WIDTH,
        "height": HEIGHT,
    }


def label_of(script: Script, sha256: str) -> dict[str, Any]:
    """The gold label of the video made from `script`; `sha256` is its file's."""
    pairs = zip(script.shots, script.shots[1:], strict=False)
    return {
        "field": script.field_name,
        "decoy": script.decoy,
        "sha256": sha256,
        "duration_s": script.now,
        "cuts": [b.start for a, b in pairs if _scene(a) != _scene(b)],
        "shots": [_shot(script, shot) for shot in script.shots],
        "sentences": [_sentence(line) for line in script.lines],
        "gestures": [
            {
                "start": g.start,
                "end": g.end,
                "box": [
                    (g.x - g.radius) / WIDTH,
                    (g.y - g.radius) / HEIGHT,
                    (g.x + g.radius) / WIDTH,
                    (g.y + g.radius) / HEIGHT,
                ],
            }
            for g in script.gestures
        ],
    }


def _scene(shot: Shot) -> tuple[str, int]:
    """Two shots of one scene follow each other without a cut."""
    return ("slide", shot.view.slide) if shot.view else (shot.kind, -1)


def _shot(script: Script, shot: Shot) -> dict[str, Any]:
    """A shot with what it shows; magnification 0, 1, 2 means (1-10]x, (10-20]x and above 20x."""
    tissue = script.slides[shot.view.slide].split(":")[0] if shot.view else ""
    magnification = None
    if shot.view is not None:
        magnification = 0 if shot.view.scale > 1.5 else 1 if shot.view.scale > 0.75 else 2
    return {
        "kind": shot.kind,
        "start": shot.start,
        "end": shot.end,
        "tissue": tissue,
        "histology": bool(tissue) and tissue != "photo",
        "magnification": magnification,
    }


def _sentence(line: Line) -> dict[str, Any]:
    return {
        "text": line.text,
        "kind": line.kind,
        "tissue": line.tissue,
        "start": line.start,
        "end": round(line.start + len(line.speech.samples) / SAMPLE_RATE, 3),
        "words": [[word, round(line.start + a, 3), round(line.start + b, 3)] for word, a, b in line.speech.words],
    }
