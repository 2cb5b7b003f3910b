"""Follow the cursor and box what it circles: data/keyframes in, data/rois out."""

import functools
from typing import Any

from stages.common.paths import KEYFRAMES_DIR, KEYS_DIR, ROIS_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.rois.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Trace the cursor in every video that has keyframes."""
    from stages.common.data.files import write_json
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import counts, finished
    from stages.common.incremental.runner import Item, run_items
    from stages.common.tables.keyframes import HOLDS, tar_of
    from stages.common.tables.rois import BOXES, TRACE
    from stages.rois.work import rois

    items = [
        Item(row.id, row.digest, {"keyframes": str(tar_of(row.id)), "holds": str(HOLDS.at(id=row.id))})
        for row in finished(KEYFRAMES_DIR).itertuples()
    ]
    manifest, done = run_items(
        items,
        functools.partial(rois, params=params),
        name="rois",
        out=ROIS_DIR,
        files=("{id}.parquet", "{id}.trace.parquet"),
        keys=KEYS_DIR / "rois.parquet",
        needs=Dependencies(code=(rois,), params=params, libraries=("numpy", "pandas")),
        base=base,
        force=forced(),
    )
    kept = manifest[manifest.status == "ok"].id
    boxes = sum(len(BOXES.read(BOXES.at(id=name))) for name in kept)
    points = sum(len(TRACE.read(TRACE.at(id=name))) for name in kept)
    write_json(metrics_file("rois"), counts(manifest) | {"boxes": boxes, "trace_points": points})
    return {"items": done, "videos": len(items), "boxes": boxes}


if __name__ == "__main__":
    run_stage("rois", run, __doc__)
