"""Cut videos into holds and keep one clean image of each that shows histology: data/videos in, data/keyframes out."""

from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.keyframes.params import Params

VIDEOS, OUT, MODEL = Path("data/videos"), Path("data/keyframes"), Path("models/frame_filter")


def make(block: Params, base: Base) -> dict[str, Any]:
    """Scan every downloaded video."""
    import pandas as pd

    from stages.common.files import write_json
    from stages.common.histology import filter_digest
    from stages.common.itemwise import Item, counts, finished, run
    from stages.keyframes.work import worker

    items = [
        Item(row.id, row.digest, {"path": str(VIDEOS / "media" / f"{row.id}.mp4")})
        for row in finished(VIDEOS).itertuples()
    ]
    manifest, done = run(
        items,
        worker(block, MODEL, base.jobs),
        package="stages.keyframes",
        out=OUT,
        files=("{id}.parquet", "{id}.tar"),
        params=block,
        base=base,
        revision=filter_digest(MODEL),
    )
    tables = [pd.read_parquet(OUT / f"{name}.parquet") for name in manifest[manifest.status == "ok"].id]
    holds = pd.concat(tables) if tables else pd.DataFrame({"start_s": [], "end_s": [], "magnification": []})
    sizes = holds.magnification.value_counts().sort_index()
    metrics = counts(manifest) | {
        "holds": len(holds),
        "hold_seconds": float((holds.end_s - holds.start_s).sum()),
        "magnification": {str(k): int(v) for k, v in sizes.items()},
    }
    write_json(Path("reports/metrics/keyframes.json"), metrics)
    return {"items": done, "videos": len(items), "holds": len(holds)}


if __name__ == "__main__":
    run_stage("keyframes", make, __doc__)
