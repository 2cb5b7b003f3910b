"""Find, pre-screen and download videos: catalog in, data/videos out.

Of a video on a site a small copy is checked first, and the full video is fetched only if that passes. Finished videos
are kept; only failed ones are tried again.
"""

import functools
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.common.errors import StageError
from stages.common.paths import KEYS_DIR, PARTIAL_DIR, PRESCREENED_DIR, VIDEOS_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.videos.params import Params

if TYPE_CHECKING:
    import pandas as pd

    from stages.videos.withdrawn import Withdrawn

log = logging.getLogger(__name__)


def run(params: Params, base: Base) -> dict[str, Any]:
    """Fetch what the catalog lists and tabulate what was kept."""
    import pandas as pd

    from stages.common.data.files import write_json
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import counts
    from stages.common.incremental.runner import check_failures, run_items
    from stages.common.tables.videos import LISTINGS, STATUS_TABLE, VIDEO_TABLE
    from stages.videos.catalog import read_catalog
    from stages.videos.fetch import FILES, fetch
    from stages.videos.verdicts import RULES, VERSION, dropped, longest, media_file, prescreen_all, without_copies
    from stages.videos.withdrawn import read_withdrawn

    listings = _earlier_listings()
    items = read_catalog(Path(params.catalog), params, listings)
    LISTINGS.write(LISTINGS.at(), listings)
    withdrawn = read_withdrawn(Path(params.catalog), [item.data["names"] for item in items])
    out = dropped(items, params, withdrawn)
    wanted = [item for item in items if item.id not in set(out.id)]
    patient = base.model_copy(update={"max_failed": 1.0})  # the tables are written before failures end the stage
    remote = [item for item in wanted if "file" not in item.data]
    prescreened = prescreen_all(remote, params, patient, withdrawn, PARTIAL_DIR)
    # A video that was fetched before stays, even if its small copy cannot be downloaded now.
    passed = {row.id for row in prescreened.itertuples() if row.status == "ok"}
    passed |= {row.id for row in prescreened.itertuples() if row.status == "failed" and media_file(row.id).exists()}
    manifest, done = run_items(
        [item for item in wanted if "file" in item.data or item.id in passed],
        functools.partial(fetch, params=params, withdrawn=withdrawn, partial=PARTIAL_DIR),
        name="videos",
        out=VIDEOS_DIR,
        files=FILES,
        keys=KEYS_DIR / "videos.parquet",
        needs=Dependencies(params={"max_height": params.max_height, "version": VERSION}),
        rules=params.model_dump(include=RULES) | {"withdrawn": sorted(withdrawn.lines)},
        base=patient,
        media_s=longest(wanted, params),
        recheck=forced(),  # --force fetches nothing again: videos may have left their sites
    )
    _tidy({item.id for item in wanted})
    table, copies = without_copies(_table(manifest[manifest.status == "ok"].id))
    VIDEO_TABLE.write(VIDEO_TABLE.at(), table)
    rows = pd.concat([manifest[~manifest.id.isin(copies.id)], copies, prescreened[prescreened.status != "ok"], out])
    STATUS_TABLE.write(STATUS_TABLE.at(), rows[STATUS_TABLE.names].fillna("").sort_values("id"))
    hours = float(table.duration_s.sum()) / 3600 if len(table) else 0.0
    metrics = counts(rows) | {"hours": hours, "lists": len(listings)}
    write_json(metrics_file("videos"), metrics | _withdrawals(withdrawn, rows))
    check_failures(prescreened, PRESCREENED_DIR, base)
    check_failures(manifest, VIDEOS_DIR, base)
    return {"items": done, "kept": len(table), "listed": len(items)}


def _table(names: Iterable[str]) -> "pd.DataFrame":
    """VIDEO_TABLE of the videos that were fetched."""
    import pandas as pd

    from stages.common.tables.videos import VIDEO, VIDEO_TABLE
    from stages.videos.verdicts import media_file

    records = [
        VIDEO.read(VIDEO.at(id=name)) | {"file": media_file(name).relative_to(VIDEOS_DIR).as_posix()} for name in names
    ]
    return pd.DataFrame(records).reindex(columns=VIDEO_TABLE.names)


def _withdrawals(withdrawn: "Withdrawn", rows: "pd.DataFrame") -> dict[str, Any]:
    """The metric `withdrawn`: how many videos each line withdraws; a line that withdraws none is logged."""
    found = withdrawn.counts(rows[rows.reason == "withdrawn"].error)
    for line in (line for line, count in found.items() if not count):
        log.warning(f"withdrawn.txt: '{line}' is no video or channel of the catalog: correct or remove it")
    return {"withdrawn": found} if found else {}


def _earlier_listings() -> dict[str, Any]:
    """What addresses listed in the last run. Raises StageError where the file is damaged."""
    from stages.common.tables.videos import LISTINGS

    try:
        return LISTINGS.read(LISTINGS.at()) if LISTINGS.at().exists() else {}
    except StageError:
        raise StageError(f"{LISTINGS.at()} is damaged: remove it, and addresses are listed anew") from None


def _tidy(wanted: set[str]) -> None:
    """Remove partial downloads of videos that are no longer wanted."""
    for folder in PARTIAL_DIR.glob("*"):
        if folder.name not in wanted:
            shutil.rmtree(folder)
    if PARTIAL_DIR.is_dir() and not any(PARTIAL_DIR.iterdir()):
        PARTIAL_DIR.rmdir()


if __name__ == "__main__":
    run_stage("videos", run, __doc__)
