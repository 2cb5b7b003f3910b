"""Cut videos into holds and keep one clean image of each that shows histology: data/videos in, data/keyframes out.

Contact sheets for eyes go to reports/keyframes.
"""

import functools
from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.keyframes.params import Params

VIDEOS, OUT, MODEL = Path("data/videos"), Path("data/keyframes"), Path("models/frame_filter")
SHEETS = Path("reports/keyframes")


def run(params: Params, base: Base) -> dict[str, Any]:
    """Scan every downloaded video."""
    from stages.common.data.files import write_json
    from stages.common.frame_filter.classifier import filter_digest
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import KEYS, counts, finished
    from stages.common.incremental.runner import Item, run_items
    from stages.common.models.device import pick_device
    from stages.keyframes.sheet import sheet
    from stages.keyframes.work import keyframes

    device, anew = pick_device(base.device), forced()
    items = [
        Item(row.id, row.digest, {"path": str(VIDEOS / "media" / f"{row.id}.mp4")})
        for row in finished(VIDEOS).itertuples()
    ]
    manifest, done = run_items(
        items,
        functools.partial(keyframes, params=params, model=MODEL, jobs=base.jobs, device=device),
        name="keyframes",
        out=OUT,
        files=("{id}.parquet", "{id}.tar"),
        keys=KEYS / "keyframes.parquet",
        needs=Dependencies(
            code=(keyframes,),
            params=params,
            models={"frame_filter": filter_digest(MODEL)},
            libraries=("av", "opencv-python-headless", "timm"),
        ),
        base=base,
        force=anew,
    )
    kept = [
        Item(row.id, row.digest, {"holds": str(OUT / f"{row.id}.parquet"), "images": str(OUT / f"{row.id}.tar")})
        for row in finished(OUT).itertuples()
    ]
    run_items(
        kept,
        sheet,
        name="contact sheets",
        out=SHEETS,
        files=("{id}.png",),
        keys=KEYS / "keyframes_sheets.parquet",
        needs=Dependencies(code=(sheet,), libraries=("pillow",)),
        base=base,
        force=anew,
    )
    metrics = counts(manifest) | _metrics([item.data["holds"] for item in kept])
    write_json(Path("reports/metrics/keyframes.json"), metrics)
    return {"items": done, "videos": len(items), "holds": metrics["holds"]}


def _metrics(tables: list[str]) -> dict[str, Any]:
    """Counts over all holds; an image has a flag where its probability is at least 0.5."""
    import pandas as pd

    from stages.common.frame_filter.classifier import FLAGS

    if not tables:
        return {"holds": 0}
    holds = pd.concat(pd.read_parquet(path).assign(video=path) for path in tables)
    images = holds.drop_duplicates(["video", "image"])
    flags = {flag: float((images[f"flag_{flag}"] >= 0.5).mean()) for flag in FLAGS}
    return {
        "holds": len(holds),
        "images": len(images),
        "hold_seconds": float((holds.end_s - holds.start_s).sum()),
        "magnification": {str(k): int(v) for k, v in holds.magnification.value_counts().sort_index().items()},
        "flags": flags,
        "blur": float(images.blur.mean()),
        "background": float(images.background.mean()),
    }


if __name__ == "__main__":
    run_stage("keyframes", run, __doc__)
