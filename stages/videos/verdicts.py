"""Which videos of the catalog are fetched, and when an earlier verdict is kept."""

import functools
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.errors import Rejected
from stages.common.frame_filter.classifier import filter_digest
from stages.common.frame_filter.prescreening import PrescreeningRules, reason_against
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.forced import forced
from stages.common.incremental.manifest import files_of
from stages.common.incremental.runner import Item, run_items
from stages.common.incremental.workers import worker_count
from stages.common.models.device import pick_device
from stages.common.paths import FRAME_FILTER_DIR, KEYS_DIR, PRESCREENED_DIR, VIDEOS_DIR
from stages.common.stage.params import Base, load_params
from stages.common.tables.videos import SHARES, STATUS_TABLE, VIDEO
from stages.videos.fetch import FILES
from stages.videos.params import Params
from stages.videos.prescreen import prescreen
from stages.videos.rules import check_file, check_metadata
from stages.videos.withdrawn import Withdrawn

# Parameters that decide only which videos are rejected.
RULES = {"min_duration_s", "max_duration_s", "max_size_mb", "max_subscribers", "languages"}
VERSION = "1"  # of what is fetched; raise it to fetch all again, which an edit of this stage does not do
JUDGED = "2"  # how small copies are judged, by their regions since 2; raise it to look at all of them again


def dropped(items: list[Item], params: Params, withdrawn: Withdrawn) -> pd.DataFrame:
    """Rows of STATUS_TABLE of videos that break a rule by what is known without asking their sites again, and of files
    that are copies of another. A copy of what is withdrawn is withdrawn."""
    broken = {item.id: found for item in items if (found := broken_rule(item, params, withdrawn))}
    copies: dict[str, list[str]] = {}
    for item in items:
        copies.setdefault(item.data.get("copy_of", item.id), []).append(item.id)
    for first, names in copies.items():
        taken_out = next((broken[name] for name in names if _is_withdrawn(broken.get(name))), None)
        for name in names:
            if taken_out:
                broken[name] = taken_out
            elif name != first:
                broken[name] = Rejected("duplicate", f"the same file as {first}")
    rows = [(name, "rejected", found.reason, found.message) for name, found in broken.items()]
    return pd.DataFrame(rows, columns=STATUS_TABLE.names)


def broken_rule(item: Item, params: Params, withdrawn: Withdrawn) -> Rejected | None:
    """The rule that a video breaks by what is known without asking its site again."""
    file, record = media_file(item.id), VIDEO.at(id=item.id)
    known: Any = VIDEO.read(record) if record.exists() else {}
    try:
        withdrawn.check(item.data["names"])
        check_metadata(item.data["info"] | known, params, withdrawn)
        if known and file.exists():
            check_file(known, file.stat().st_size, params)
    except Rejected as broken:
        return broken
    return None


def longest(items: list[Item], params: Params) -> dict[str, float]:
    """Seconds that each video lasts, as its site lists it; or may last."""
    return {item.id: float(item.data.get("info", {}).get("duration") or params.max_duration_s) for item in items}


def media_file(name: str) -> Path:
    """Where the file of a video is that was fetched, whatever its container."""
    return VIDEOS_DIR / files_of(VIDEOS_DIR, FILES, name)[0]


def without_copies(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The fetched videos of VIDEO_TABLE without those whose file is the same as another's, and rows of STATUS_TABLE of
    those."""
    first = table.groupby("digest").video_id.transform("first")
    copies = table.video_id != first
    error = "the same file as " + first[copies].astype("string")
    rows = pd.DataFrame({"id": table.video_id[copies], "status": "rejected", "reason": "duplicate", "error": error})
    return table[~copies], rows


def _is_withdrawn(broken: Rejected | None) -> bool:
    return broken is not None and broken.reason == "withdrawn"


def prescreen_all(items: list[Item], params: Params, base: Base, withdrawn: Withdrawn, partial: Path) -> pd.DataFrame:
    """Look at small copies; return the manifest of that. A verdict is kept when the frame filter is fitted again.

    Fetching the small copies of all rejected videos again for each change of the filter would take days, and keyframes
    applies the new filter to videos that were fetched in full anyway. The number of verdicts by an earlier filter is
    printed.
    """
    rules, device = load_params("keyframes")[0].prescreening, pick_device(base.device)
    work = functools.partial(
        prescreen,
        params=params,
        rules=rules,
        withdrawn=withdrawn,
        model=FRAME_FILTER_DIR,
        partial=partial,
        jobs=worker_count(base, device),
        device=device,
    )
    minima = {"min_histology", "min_narrative"}
    rejections = params.model_dump(include=RULES) | {"withdrawn": sorted(withdrawn.lines)}
    manifest, _ = run_items(
        items,
        work,
        name="small copies",
        out=PRESCREENED_DIR,
        files=("{id}.json",),
        keys=KEYS_DIR / "videos_prescreened.parquet",
        needs=Dependencies(
            params={"prescreen_height": params.prescreen_height, "version": JUDGED} | rules.model_dump(exclude=minima)
        ),
        rules=rejections | rules.model_dump(include=minima),
        base=base,
        device=device,
        media_s=longest(items, params),
        recheck=forced(),
    )
    manifest = _checked_again(manifest, rules)
    if items:
        now = filter_digest(FRAME_FILTER_DIR)[:12]
        passed = [SHARES.read(SHARES.at(id=name)) for name in manifest[manifest.status == "ok"].id]
        earlier = sum(shares["copy"] is not None and shares["filter"] != now for shares in passed)
        predicted = manifest.error.str.extract(r"filter (\w+)$")[0].dropna()
        if earlier := earlier + int((predicted != now).sum()):
            print(f"videos: {earlier} verdicts are by an earlier frame filter; to renew them: rm -r {PRESCREENED_DIR}")
    return manifest


def _checked_again(manifest: pd.DataFrame, rules: PrescreeningRules) -> pd.DataFrame:
    """The manifest, in which videos that passed earlier thresholds, but not today's, are rejected."""
    for place in manifest.index[manifest.status == "ok"]:
        shares = SHARES.read(SHARES.at(id=manifest.id[place]))
        if shares["copy"] and (reason := reason_against(shares["histology"], shares["narrative"], rules)):
            manifest.loc[place, ["status", "reason"]] = "rejected", reason
    return manifest
