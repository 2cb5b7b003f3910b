"""Cut videos into holds and keep one clean image of each that shows histology: data/videos in, data/keyframes out.

Contact sheets, for people to look at, go to reports/keyframes.
"""

import functools
from pathlib import Path
from typing import Any

from stages.common.paths import (
    FRAME_FILTER_DIR,
    KEYFRAMES_DIR,
    KEYS_DIR,
    MAGNIFICATION_DIR,
    SHEETS_DIR,
    VIDEOS_DIR,
    metrics_file,
)
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.keyframes.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Scan every downloaded video."""
    from stages.common.data.files import write_json
    from stages.common.frame_filter.classifier import filter_digest
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import counts, finished
    from stages.common.incremental.runner import Item, run_items
    from stages.common.incremental.workers import worker_count
    from stages.common.magnification.estimator import estimator_digest
    from stages.common.models.device import pick_device
    from stages.common.tables.keyframes import HOLDS, tar_of
    from stages.common.tables.videos import VIDEO_TABLE
    from stages.keyframes.sheet import sheet
    from stages.keyframes.work import keyframes

    device, force = pick_device(base.device), forced()
    videos = VIDEO_TABLE.read(VIDEO_TABLE.at(), ["video_id", "file", "digest", "duration_s"])
    items = [Item(row.video_id, row.digest, {"path": str(VIDEOS_DIR / row.file)}) for row in videos.itertuples()]
    manifest, done = run_items(
        items,
        functools.partial(
            keyframes,
            params=params,
            model=FRAME_FILTER_DIR,
            jobs=worker_count(base, device),
            device=device,
            estimator=MAGNIFICATION_DIR,
        ),
        name="keyframes",
        out=KEYFRAMES_DIR,
        files=("{id}.parquet", "{id}.tar"),
        keys=KEYS_DIR / "keyframes.parquet",
        needs=Dependencies(
            code=(keyframes,),
            params=params,
            models={
                "frame_filter": filter_digest(FRAME_FILTER_DIR),
                "magnification": estimator_digest(MAGNIFICATION_DIR),
            },
            libraries=("av", "opencv-python-headless", "timm"),
        ),
        base=base,
        device=device,
        media_s=dict(zip(videos.video_id, videos.duration_s, strict=True)),
        force=force,
    )
    kept = [
        Item(row.id, row.digest, {"holds": str(HOLDS.at(id=row.id)), "images": str(tar_of(row.id))})
        for row in finished(KEYFRAMES_DIR).itertuples()
    ]
    run_items(
        kept,
        sheet,
        name="contact sheets",
        out=SHEETS_DIR,
        files=("{id}.png",),
        keys=KEYS_DIR / "keyframes_sheets.parquet",
        needs=Dependencies(code=(sheet,), libraries=("pillow",)),
        base=base,
        force=force,
    )
    metrics = counts(manifest) | _metrics([item.data["holds"] for item in kept])
    write_json(metrics_file("keyframes"), metrics)
    return {"items": done, "videos": len(items), "holds": metrics["holds"]}


def _metrics(tables: list[str]) -> dict[str, Any]:
    """Counts over all holds; an image has a flag where its probability is at least 0.5."""
    import numpy as np
    import pandas as pd

    from stages.common.tables.keyframes import HOLDS

    if not tables:
        return {"holds": 0}
    holds = pd.concat(HOLDS.read(Path(path)).assign(video=path) for path in tables)
    images = holds.drop_duplicates(["video", "image"])
    flags = {name.removeprefix("flag_"): float((images[name] >= 0.5).mean()) for name in images.filter(like="flag_")}
    return {
        "holds": len(holds),
        "images": len(images),
        "hold_seconds": float((holds.end_s - holds.start_s).sum()),
        "magnification": {
            "unknown" if np.isnan(level) else f"{level:g}": int(count)
            for level, count in holds.magnification.value_counts(dropna=False).sort_index().items()
        },
        "flags": flags,
        "blur": float(images.blur.mean()),
        "background": float(images.background.mean()),
    }


if __name__ == "__main__":
    run_stage("keyframes", run, __doc__)
