"""Find, screen and download videos: catalog in, data/videos out.

Videos on sites are looked at in a small copy first, and fetched in full only if they pass. What is done stays done;
only what failed is tried again.
"""

import functools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.videos.params import Params

if TYPE_CHECKING:
    import pandas as pd

    from stages.common.itemwise import Item

OUT, MODEL = Path("data/videos"), Path("models/frame_filter")
SCREENED, PARTIAL, LISTINGS = OUT / "screened", OUT / ".partial", OUT / "listings.json"
RULES = {"min_duration_s", "max_subscribers", "languages"}
AGAIN = ("withdrawn",)  # rests on withdrawn.txt, which is in no key: an entry more must not fetch everything anew
COLUMNS = (
    *("video_id", "url", "field", "channel", "channel_id", "title", "duration_s", "width", "height", "fps"),
    *("has_audio", "language", "license", "upload_date", "format_id", "yt_dlp", "digest"),
)


def make(block: Params, base: Base) -> dict[str, Any]:
    """Fetch what the catalog lists and tabulate what was kept."""
    import pandas as pd

    from stages.common.files import read_json, write_json, write_table
    from stages.common.itemwise import counts, run
    from stages.videos.catalog import read_catalog, read_withdrawn
    from stages.videos.fetch import fetch

    listings = read_json(LISTINGS) if LISTINGS.exists() else {}
    items = read_catalog(Path(block.catalog), block, listings)
    write_json(LISTINGS, listings)
    withdrawn = read_withdrawn(Path(block.catalog))
    wanted = [item for item in items if not withdrawn & _owners(item)]
    looked_at = _screen([item for item in wanted if "file" not in item.data], block, base, withdrawn)
    passed = set(looked_at[looked_at.status == "ok"].id)
    manifest, done = run(
        [item for item in wanted if "file" in item.data or item.id in passed],
        functools.partial(fetch, block=block, withdrawn=withdrawn, partial=PARTIAL),
        package="stages.videos",
        out=OUT,
        files=("media/{id}.mp4", "media/{id}.json"),
        params=block.model_dump(include=RULES | {"max_height"}),
        base=base,
        again=AGAIN,
    )
    _tidy({item.id for item in wanted})
    records = [read_json(OUT / "media" / f"{name}.json") for name in manifest[manifest.status == "ok"].id]
    table = pd.DataFrame(records).reindex(columns=list(COLUMNS)).rename(columns={"license": "licence"})
    write_table(OUT / "videos.parquet", table)
    gone = [(item.id, "rejected", "withdrawn") for item in items if withdrawn & _owners(item)]
    rows = pd.concat(
        [manifest, looked_at[looked_at.status != "ok"], pd.DataFrame(gone, columns=["id", "status", "reason"])]
    )
    hours = float(table.duration_s.sum()) / 3600 if len(table) else 0.0
    write_json(Path("reports/metrics/videos.json"), counts(rows) | {"hours": hours, "lists": len(listings)})
    return {"items": done, "kept": len(table), "listed": len(items)}


def _owners(item: "Item") -> set[str]:
    """Ids by which a video may be withdrawn, as far as they are known before it is fetched."""
    from stages.common.files import read_json

    record = OUT / "media" / f"{item.id}.json"
    known = item.data["info"] | (read_json(record) if record.exists() else {})
    return {item.id, str(known.get("channel_id"))}


def _screen(items: "list[Item]", block: Params, base: Base, withdrawn: set[str]) -> "pd.DataFrame":
    """Look at small copies; the manifest of that. A verdict stands when the frame filter is fitted anew.

    To fetch small copies of all that was ever rejected for each change of the filter would take days; keyframes judges
    what was fetched in full by the new filter anyway. How many verdicts are by an earlier one is said.
    """
    from stages.common.device import pick_device
    from stages.common.files import read_json
    from stages.common.histology import filter_digest
    from stages.common.itemwise import run
    from stages.common.params import load
    from stages.videos.screened import screened

    rules, device = load("keyframes")[0].screening, pick_device(base.device)
    work = functools.partial(
        screened,
        block=block,
        rules=rules,
        withdrawn=withdrawn,
        model=MODEL,
        partial=PARTIAL,
        jobs=base.jobs,
        device=device,
    )
    manifest, _ = run(
        items,
        work,
        package="stages.videos",
        out=SCREENED,
        files=("{id}.json",),
        params=block.model_dump(include=RULES | {"screen_height"}) | rules.model_dump(),
        base=base,
        again=AGAIN,
    )
    if items:
        now = filter_digest(MODEL)[:12]
        passed = [read_json(SCREENED / f"{name}.json") for name in manifest[manifest.status == "ok"].id]
        earlier = sum(shares["copy"] is not None and shares["filter"] != now for shares in passed)
        judged = manifest.error.str.extract(r"filter (\w+)$")[0].dropna()
        if earlier := earlier + int((judged != now).sum()):
            print(f"videos: {earlier} verdicts are by an earlier frame filter; to renew them: rm -r {SCREENED}")
    return manifest


def _tidy(wanted: set[str]) -> None:
    """Remove what has arrived of videos that nobody wants any more."""
    for folder in PARTIAL.glob("*"):
        if folder.name not in wanted:
            shutil.rmtree(folder)
    if PARTIAL.is_dir() and not any(PARTIAL.iterdir()):
        PARTIAL.rmdir()


if __name__ == "__main__":
    run_stage("videos", make, __doc__)
