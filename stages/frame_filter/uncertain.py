"""Active learning: frames that the filter is most uncertain of, written out for a person to label."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image
from tqdm import tqdm

from stages.common.data.answers import write_to_fill_in
from stages.common.data.files import jpeg, safe_id, write_bytes
from stages.common.errors import StageError
from stages.common.frame_filter.classifier import load_filter
from stages.common.frame_filter.prediction import FLAGS
from stages.common.models.device import limit_threads

EVERY_S = 5.0  # seconds between the frames that are looked at
PER_VIDEO = 4  # frames of one video at most, so that labels come from many
LONG_SIDE = 640


def write_uncertain(
    media: Path, model: Path, out: Path, count: int, jobs: int, device: str, more_flags: Sequence[str] = ()
) -> dict[str, Any]:
    """Write to `out` the `count` frames of the videos in `media` whose probability is nearest to the threshold.

    labels.csv lists them with an empty label for a person to fill in; the rows and files can then be added to the
    folder that the filter is fitted on. Rows that a person has filled in stay. Raises StageError where there is no
    video.
    """
    paths = sorted(path for path in media.glob("*.*") if path.suffix != ".json")  # each has a record beside it
    if not paths:
        raise StageError(f"{media} holds no video: run `dvc repro videos`")
    calls = (delayed(_closest)(path, model, jobs, device) for path in paths)
    found = tqdm(Parallel(n_jobs=jobs, return_as="generator")(calls), total=len(paths), desc="label", unit="video")
    nearest = sorted((frame for frames in found for frame in frames), key=lambda frame: frame[0])[:count]
    flags = (*FLAGS, *more_flags)
    rows = []
    for _, source, time, image in nearest:
        file = f"{source}_{round(time * 1000):08d}.jpg"
        write_bytes(out / file, jpeg(Image.fromarray(image)))
        rows.append({"file": file, "label": "", "source": source, **dict.fromkeys(flags, "")})
    table = pd.DataFrame(rows, columns=["file", "label", "source", *flags])
    write_to_fill_in(out / "labels.csv", table, "file")
    return {"items": len(paths), "frames": len(rows), "written to": str(out)}


def _closest(path: Path, model: Path, jobs: int, device: str) -> list[tuple[float, str, float, Any]]:
    """(distance from the threshold, source, seconds, RGB) of the frames to ask about."""
    import av

    limit_threads(jobs)
    frame_filter = load_filter(model, device)
    frames: list[tuple[float, Any]] = []
    try:
        with av.open(str(path)) as container:
            container.streams.video[0].codec_context.skip_frame = "NONREF"
            for picture in container.decode(video=0):
                if picture.time is not None and picture.time >= len(frames) * EVERY_S:
                    scale = min(1.0, LONG_SIDE / max(picture.width, picture.height))
                    size = round(picture.width * scale), round(picture.height * scale)
                    frames.append((picture.time, picture.reformat(*size, "rgb24").to_ndarray()))
    except av.FFmpegError:
        return []  # the stages that need this video report it
    scores = frame_filter.predict([image for _, image in frames], flags=False).histology
    order = np.argsort(np.abs(scores - frame_filter.threshold))[:PER_VIDEO]
    return [(abs(float(scores[i]) - frame_filter.threshold), safe_id(path.stem), *frames[i]) for i in order]
