"""Lectures from unseen seeds, recorded well and badly, with their gold labels."""

import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from joblib import Parallel, delayed

from stages.common.paths import FRAME_FILTER_DIR
from stages.common.stage.params import load_params
from stages.common.tables.frame_filter import FILTER_SPEC
from stages.demo.frames import make_frames
from stages.demo.render import Recording, shoot
from stages.demo.script import Script, cast, write
from stages.demo.videos import label_of

NTSC = Fraction(30000, 1001)
TAKES = {
    "clean": Recording(crf=23, preset="veryfast"),
    "crf 35": Recording(crf=35, preset="veryfast"),
    "shake": Recording(crf=23, preset="veryfast", shake=1.0),
    "flicker": Recording(crf=23, preset="veryfast", flicker=0.04),
    "29.97 fps": Recording(crf=23, preset="veryfast", rate=NTSC, cursor="dark_arrow"),
    "variable rate": Recording(crf=28, preset="veryfast", rate=Fraction(30), variable=True, cursor="cross"),
    "all of it": Recording(crf=35, preset="veryfast", rate=NTSC, shake=1.0, flicker=0.04, variable=True, cursor="spot"),
}


@dataclass(frozen=True)
class Lecture:
    """One recording: how it was taken, what it was made from, what is true of it, and the file."""

    condition: str
    script: Script
    label: dict[str, Any]
    path: Path


def record_all(folder: Path, seeds: tuple[int, ...]) -> list[Lecture]:
    """Record a lecture for every way of recording and seed."""
    rows = [row for row in cast("small") if not row[3]]
    jobs = [
        (folder, condition, rows[(5 * n + 3 * seed) % len(rows)], seed)
        for n, condition in enumerate(TAKES)
        for seed in seeds
    ]
    found: list[Lecture] = Parallel(n_jobs=-1)(delayed(_record)(*job) for job in jobs)
    return found


def _record(folder: Path, condition: str, row: tuple[str, str, list[str], str], seed: int) -> Lecture:
    script = write(*row, seed=seed, holds=3)
    path = folder / f"{condition.replace(' ', '_')}_{seed}.mp4"
    shoot(script, path, TAKES[condition])
    return Lecture(condition, script, label_of(script, ""), path)


def long_video(folder: Path, seconds: int, height: int = 720) -> Path:
    """A pan-and-hold lecture of this length in H.264 as sites serve it: 30 frames a second, medium preset, crf 23."""
    tissues = ["colon_mucosa", "colorectal_cancer", "lung_adenocarcinoma", "lymphocytes", "naevus"]
    script = write("bench", "Gastrointestinal", tissues, "", seed=7, holds=3)
    source, part = folder / "source.mp4", folder / f"{height}.mp4"
    if not part.exists():
        shoot(script, source, Recording(rate=Fraction(30), crf=18))
        as_served(source, part, height)
    path = folder / f"{height}_{seconds}.mp4"
    ffmpeg("-stream_loop", "-1", "-i", part, "-t", seconds, "-c", "copy", path)
    return path


def as_served(source: Path, target: Path, height: int = 720) -> None:
    """Encode a video as sites do: H.264, medium preset, crf 23."""
    encode = ["-vf", f"scale=-2:{height}", "-c:v", "libx264", "-preset", "medium", "-crf", "23", "-an"]
    ffmpeg("-i", source, *encode, target)


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg, quietly."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *(str(one) for one in arguments)]
    subprocess.run(command, check=True)


def frame_filter() -> Path:
    """The fitted filter: the repository's, or, where none was fitted yet, one fitted now on the demo's frames."""
    if (FRAME_FILTER_DIR / FILTER_SPEC.path.name).exists():
        return FRAME_FILTER_DIR
    from stages.frame_filter.fit import fit

    folder = Path(tempfile.mkdtemp())
    params, base = load_params("frame_filter")
    make_frames(folder / "frames", "small", seed=0, jobs=-1)
    fit(params.model_copy(update={"frames": str(folder / "frames")}), folder, folder / "metrics.json", base.seed, "cpu")
    return folder
