"""Keyframes and cursor traces of one lecture, against decoding its film once with PyAV."""

import io
import tempfile
from pathlib import Path

import av
import pandas as pd
from PIL import Image

from benchmarks import report, seconds
from stages.common.params import load
from stages.demo import film, script
from stages.keyframes.params import Params as KeyframesParams
from stages.keyframes.scan import scan
from stages.rois.params import Params as RoisParams
from stages.rois.trace import trace


def decode(path: Path) -> None:
    """Decode every frame of a video with FFmpeg's default threads."""
    with av.open(str(path)) as container:
        for _ in container.decode(video=0):
            pass


def look(path: Path, holds_block: KeyframesParams, cursor_block: RoisParams) -> None:
    """Find the holds of a video and follow the cursor in them, models left out."""
    found = scan(path, holds_block)
    names = [f"{n}.png" for n in range(len(found.holds))]
    holds = pd.DataFrame([(n, start, end) for n, (start, end, _) in zip(names, found.holds, strict=True)])
    images = {}
    for name, (_, _, image) in zip(names, found.holds, strict=True):
        Image.fromarray(image).save(buffer := io.BytesIO(), "BMP")
        images[name] = buffer.getvalue()
    holds = holds.set_axis(["chunk_id", "start_s", "end_s"], axis=1).assign(image=names)
    trace(path, holds, images, cursor_block.sample_fps, cursor_block.residue)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        movie = Path(folder) / "lecture.mp4"
        film.shoot(script.write(*script.cast("small")[0], seed=7, holds=2), movie)
        blocks = load("keyframes")[0], load("rois")[0]
        ours = seconds(lambda: look(movie, *blocks))
        report("keyframes and rois", ours, seconds(lambda: decode(movie)), 2.0, "against PyAV decoding the film once")
