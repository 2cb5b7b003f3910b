"""Follow the cursor and box what it circles: data/keyframes in, data/rois out."""

import functools
from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.rois.params import Params



def run(params: Params, base: Base) -> dict[str, Any]:
    """Trace the cursor in every video that has keyframes."""
    from stages.common.data.files import write_json
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import KEYS, counts, finished
    from stages.common.incremental.runner import Item, run_items
    from stages.common.tables.keyframes import FOLDER as KEYFRAMES
    from stages.common.tables.rois import BOXES, TRACE
    from stages.common.tables.rois import FOLDER as OUT
    from stages.rois.work import rois

    items = [
        Item(row.id, row.digest, {"keyframes": str(KEYFRAMES / f"{row.id}.tar")})
        for row in finished(KEYFRAMES).itertuples()
    ]
    manifest, done = run_items(
        items,
        functools.partial(rois, params=params),
        name="rois",
        out=OUT,
        files=("{id}.parquet", "{id}.trace.parquet"),
        keys=KEYS / "rois.parquet",
        needs=Dependencies(code=(rois,), params=params, libraries=("numpy", "pandas")),
        base=base,
        force=forced(),
    )
    kept = manifest[manifest.status == "ok"].id
    boxes = sum(len(BOXES.read(BOXES.at(id=name))) for name in kept)
    points = sum(len(TRACE.read(TRACE.at(id=name))) for name in kept)
    write_json(Path("reports/metrics/rois.json"), counts(manifest) | {"boxes": boxes, "trace_points": points})
    return {"items": done, "videos": len(items), "boxes": boxes}


if __name__ == "__main__":
    run_stage("rois", run, __doc__)
