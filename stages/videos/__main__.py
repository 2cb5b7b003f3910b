"""Find, pre-screen and download videos: catalog in, data/videos out.

Of a video on a site a small copy is checked first, and the full video is fetched only if that passes. Finished videos
are kept; only failed ones are tried again.
"""

import functools
import shutil
from pathlib import Path
from typing import Any

from stages.common.errors import StageError
from stages.common.paths import KEYS_DIR, MEDIA_DIR, PARTIAL_DIR, VIDEOS_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.videos.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Fetch what the catalog lists and tabulate what was kept."""
    import pandas as pd

    from stages.common.data.files import write_json
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import counts
    from stages.common.incremental.runner import run_items
    from stages.common.tables.videos import LISTINGS, STATUS_TABLE, VIDEO, VIDEO_TABLE
    from stages.videos.catalog import read_catalog, read_withdrawn
    from stages.videos.fetch import fetch
    from stages.videos.verdicts import RULES, VERSION, broken_rule, prescreen_all

    listings = _earlier_listings()
    items = read_catalog(Path(params.catalog), params, listings)
    LISTINGS.write(LISTINGS.at(), listings)
    withdrawn = read_withdrawn(Path(params.catalog))
    dropped = [
        (item.id, "rejected", reason) for item in items if (reason := broken_rule(item, params, withdrawn, MEDIA_DIR))
    ]
    wanted = [item for item in items if item.id not in {name for name, _, _ in dropped}]
    prescreened = prescreen_all(
        [item for item in wanted if "file" not in item.data], params, base, withdrawn, PARTIAL_DIR
    )
    # A video that was fetched before stays, even if its small copy cannot be downloaded now.
    passed = {row.id for row in prescreened.itertuples() if row.status == "ok"}
    passed |= {row.id for row in prescreened.itertuples() if row.status == "failed" and _fetched(row.id)}
    manifest, done = run_items(
        [item for item in wanted if "file" in item.data or item.id in passed],
        functools.partial(fetch, params=params, withdrawn=withdrawn, partial=PARTIAL_DIR),
        name="videos",
        out=VIDEOS_DIR,
        files=("media/{id}.mp4", "media/{id}.json"),
        keys=KEYS_DIR / "videos.parquet",
        needs=Dependencies(params={"max_height": params.max_height, "version": VERSION}),
        rules=params.model_dump(include=RULES) | {"withdrawn": sorted(withdrawn)},
        base=base,
        recheck=forced(),  # --force fetches nothing again: videos may have left their sites
    )
    _tidy({item.id for item in wanted})
    records = [VIDEO.read(VIDEO.at(id=name)) for name in manifest[manifest.status == "ok"].id]
    table = pd.DataFrame(records).reindex(columns=VIDEO_TABLE.names)
    VIDEO_TABLE.write(VIDEO_TABLE.at(), table)
    rows = pd.concat(
        [manifest, prescreened[prescreened.status != "ok"], pd.DataFrame(dropped, columns=["id", "status", "reason"])]
    )
    STATUS_TABLE.write(STATUS_TABLE.at(), rows[STATUS_TABLE.names].fillna("").sort_values("id"))
    hours = float(table.duration_s.sum()) / 3600 if len(table) else 0.0
    write_json(metrics_file("videos"), counts(rows) | {"hours": hours, "lists": len(listings)})
    return {"items": done, "kept": len(table), "listed": len(items)}


def _earlier_listings() -> dict[str, Any]:
    """What addresses listed in the last run. Raises StageError where the file is damaged."""
    from stages.common.tables.videos import LISTINGS

    try:
        return LISTINGS.read(LISTINGS.at()) if LISTINGS.at().exists() else {}
    except StageError:
        raise StageError(f"{LISTINGS.at()} is damaged: remove it, and addresses are listed anew") from None


def _fetched(name: str) -> bool:
    return (MEDIA_DIR / f"{name}.mp4").exists()


def _tidy(wanted: set[str]) -> None:
    """Remove partial downloads of videos that are no longer wanted."""
    for folder in PARTIAL_DIR.glob("*"):
        if folder.name not in wanted:
            shutil.rmtree(folder)
    if PARTIAL_DIR.is_dir() and not any(PARTIAL_DIR.iterdir()):
        PARTIAL_DIR.rmdir()


if __name__ == "__main__":
    run_stage("videos", run, __doc__)
