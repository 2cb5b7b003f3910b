"""Find, screen and download videos: catalog in, data/videos out."""

import functools
from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.videos.params import Params

OUT = Path("data/videos")
COLUMNS = (
    "video_id",
    "url",
    "channel_id",
    "title",
    "duration_s",
    "width",
    "height",
    "fps",
    "has_audio",
    "language",
    "license",
    "upload_date",
    "format_id",
    "digest",
)


def make(block: Params, base: Base) -> dict[str, Any]:
    """Fetch what the catalog lists and tabulate what was kept."""
    import pandas as pd

    from stages.common.files import read_json, write_json, write_table
    from stages.common.itemwise import counts, run
    from stages.videos.catalog import read_catalog
    from stages.videos.fetch import fetch

    items = read_catalog(Path(block.catalog), block)
    rules = block.model_dump(include={"min_duration_s", "max_subscribers", "languages", "max_height"})
    manifest, done = run(
        items,
        functools.partial(fetch, block=block),
        package="stages.videos",
        out=OUT,
        files=("media/{id}.mp4", "media/{id}.json"),
        params=rules,
        base=base,
    )
    kept = manifest[manifest.status == "ok"].id
    records = [read_json(OUT / "media" / f"{name}.json") for name in kept]
    table = pd.DataFrame(records).reindex(columns=list(COLUMNS)).rename(columns={"license": "licence"})
    write_table(OUT / "videos.parquet", table)
    hours = float(table.duration_s.sum()) / 3600 if len(table) else 0.0
    write_json(Path("reports/metrics/videos.json"), counts(manifest) | {"hours": hours})
    return {"items": done, "kept": len(kept), "listed": len(items)}


if __name__ == "__main__":
    run_stage("videos", make, __doc__)
