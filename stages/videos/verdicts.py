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
from stages.common.incremental.runner import Item, run_items
from stages.common.models.device import pick_device
from stages.common.paths import FRAME_FILTER_DIR, KEYS_DIR, PRESCREENED_DIR
from stages.common.stage.params import Base, load_params
from stages.common.tables.videos import SHARES, VIDEO
from stages.videos.params import Params
from stages.videos.prescreen import prescreen
from stages.videos.rules import check_file, check_metadata

RULES = {"min_duration_s", "max_subscribers", "languages"}  # parameters that decide only which videos are rejected
VERSION = "1"  # of what is fetched; raise it to fetch all again, which an edit of this stage does not do


def broken_rule(item: Item, params: Params, withdrawn: set[str], media: Path) -> str:
    """The rule that a video breaks by what is known without asking its site again, or ""."""
    record = media / f"{item.id}.json"
    known: Any = VIDEO.read(record) if record.exists() else {}
    try:
        check_metadata(item.data["info"] | known | {"id": item.id}, params, withdrawn)
        if known:
            check_file(known, params)
    except Rejected as broken:
        return broken.reason
    return ""


def prescreen_all(items: list[Item], params: Params, base: Base, withdrawn: set[str], partial: Path) -> pd.DataFrame:
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
        jobs=base.jobs,
        device=device,
    )
    minima = {"min_histology", "min_narrative"}
    manifest, _ = run_items(
        items,
        work,
        name="small copies",
        out=PRESCREENED_DIR,
        files=("{id}.json",),
        keys=KEYS_DIR / "videos_prescreened.parquet",
        needs=Dependencies(
            params={"prescreen_height": params.prescreen_height, "version": VERSION} | rules.model_dump(exclude=minima)
        ),
        rules=params.model_dump(include=RULES) | rules.model_dump(include=minima) | {"withdrawn": sorted(withdrawn)},
        base=base,
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
