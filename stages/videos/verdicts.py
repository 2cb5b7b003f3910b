"""Which videos of the catalog are to be fetched, and what makes a verdict stand."""

import functools
from pathlib import Path

import pandas as pd

from stages.common.dependencies import Dependencies
from stages.common.device import pick_device
from stages.common.errors import Rejected
from stages.common.files import read_json
from stages.common.forced import forced
from stages.common.histology import filter_digest
from stages.common.itemwise import Item, run
from stages.common.manifest import KEYS
from stages.common.params import Base, load
from stages.common.screening import Rules, reason_against
from stages.videos.params import Params
from stages.videos.rules import screen_facts, screen_file
from stages.videos.screened import screened

MODEL, SCREENED = Path("models/frame_filter"), Path("data/videos/screened")
RULES = {"min_duration_s", "max_subscribers", "languages"}  # parameters that only rejections rest on
VERSION = "1"  # of what is fetched: an edit of this stage must not fetch everything anew


def against(item: Item, block: Params, withdrawn: set[str], media: Path) -> str:
    """The rule that a video breaks by what is known of it without asking its site again, or ""."""
    record = media / f"{item.id}.json"
    known = read_json(record) if record.exists() else {}
    try:
        screen_facts(item.data["info"] | known | {"id": item.id}, block, withdrawn)
        if known:
            screen_file(known, block)
    except Rejected as broken:
        return broken.reason
    return ""


def screen(items: list[Item], block: Params, base: Base, withdrawn: set[str], partial: Path) -> pd.DataFrame:
    """Look at small copies; return the manifest of that. A verdict stands when the frame filter is fitted anew.

    To fetch small copies of all that was ever rejected for each change of the filter would take days; keyframes judges
    what was fetched in full by the new filter anyway. How many verdicts are by an earlier one is said.
    """
    rules, device = load("keyframes")[0].screening, pick_device(base.device)
    work = functools.partial(
        screened,
        block=block,
        rules=rules,
        withdrawn=withdrawn,
        model=MODEL,
        partial=partial,
        jobs=base.jobs,
        device=device,
    )
    bars = {"min_histology", "min_narrative"}
    manifest, _ = run(
        items,
        work,
        name="small copies",
        out=SCREENED,
        files=("{id}.json",),
        keys=KEYS / "videos_screened.parquet",
        needs=Dependencies(
            params={"screen_height": block.screen_height, "version": VERSION} | rules.model_dump(exclude=bars)
        ),
        rules=block.model_dump(include=RULES) | rules.model_dump(include=bars) | {"withdrawn": sorted(withdrawn)},
        base=base,
        recheck=forced(),
    )
    manifest = _judged_again(manifest, rules)
    if items:
        now = filter_digest(MODEL)[:12]
        passed = [read_json(SCREENED / f"{name}.json") for name in manifest[manifest.status == "ok"].id]
        earlier = sum(shares["copy"] is not None and shares["filter"] != now for shares in passed)
        judged = manifest.error.str.extract(r"filter (\w+)$")[0].dropna()
        if earlier := earlier + int((judged != now).sum()):
            print(f"videos: {earlier} verdicts are by an earlier frame filter; to renew them: rm -r {SCREENED}")
    return manifest


def _judged_again(manifest: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """The manifest with what passed under earlier bars, and does not under today's, as rejected."""
    for place in manifest.index[manifest.status == "ok"]:
        shares = read_json(SCREENED / f"{manifest.id[place]}.json")
        if shares["copy"] and (reason := reason_against(shares["histology"], shares["narrative"], rules)):
            manifest.loc[place, ["status", "reason"]] = "rejected", reason
    return manifest
