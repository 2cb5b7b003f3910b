"""Correct medical terms and sort sentences: transcripts and lexicon in, data/captions out."""

import functools
from collections import Counter
from pathlib import Path
from typing import Any

from stages.captions.params import Params
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base

VIDEOS, TRANSCRIPTS, OUT = Path("data/videos"), Path("data/transcripts"), Path("data/captions")
MODEL, REPLIES = Path("models/lexicon"), OUT / "replies"


def run(params: Params, base: Base) -> dict[str, Any]:
    """Caption every video that has a transcript."""
    import pandas as pd

    from stages.captions.work import captions
    from stages.common.data.files import read_json, write_json
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import KEYS, counts, finished
    from stages.common.incremental.runner import Item, run_items
    from stages.common.text.lexicon import lexicon_digest

    titles = pd.read_parquet(VIDEOS / "videos.parquet").set_index("video_id").title.fillna("")
    items = [
        Item(
            row.id,
            f"{row.digest} {titles[row.id]}",
            {"transcript": str(TRANSCRIPTS / f"{row.id}.json"), "title": titles[row.id]},
        )
        for row in finished(TRANSCRIPTS).itertuples()
    ]
    for path in REPLIES.glob("*.jsonl"):
        if path.stem not in {item.id for item in items}:
            path.unlink()  # of a video that is no longer there
    manifest, done = run_items(
        items,
        functools.partial(
            captions, params=params, model=MODEL, replies=REPLIES, budget=params.llm.max_cost / max(1, len(items))
        ),
        name="captions",
        out=OUT,
        files=("{id}.json",),
        keys=KEYS / "captions.parquet",
        needs=Dependencies(
            code=(captions,),
            params=params,
            models={"lexicon": lexicon_digest(MODEL)},
            libraries=("nltk", "rapidfuzz", "jellyfish"),
        ),
        base=base,
        force=forced(),
    )
    made = [read_json(OUT / f"{name}.json") for name in manifest[manifest.status == "ok"].id]
    rows = [row for one in made for row in one["sentences"]]
    words = sum(len(row["raw"].split()) for row in rows)
    replaced = sum(len(fix["from"].split()) for row in rows for fix in row["corrections"])
    metrics = counts(manifest) | {
        "sentences": len(rows),
        "by_kind": dict(sorted(Counter(row["kind"] for row in rows).items())),
        "words": words,
        "words_replaced_share": replaced / words if words else 0.0,
        "corrections": _corrections(rows, made),
        "personal_data": dict(sorted(Counter(kind for row in rows for kind in row["personal_data"]).items())),
        "entities": sum(len(row["entities"]) for row in rows),
        "concepts": len({entity["id"] for row in rows for entity in row["entities"]}),
        "sub_pathology": dict(sorted(Counter(one["sub_pathology"][0]["field"] for one in made).items())),
    }
    write_json(Path("reports/metrics/captions.json"), metrics)
    return {"items": done, "videos": len(items), "sentences": len(rows)}


def _corrections(rows: list[dict[str, Any]], made: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """For each way of finding errors, how many corrections were proposed and how many the lexicon confirmed."""
    kept = Counter(fix["by"] for row in rows for fix in row["corrections"])
    proposed = kept.copy()
    for one in made:
        proposed.update(one["refused"])
    return {by: {"proposed": proposed[by], "confirmed": kept[by]} for by in sorted(proposed)}


if __name__ == "__main__":
    run_stage("captions", run, __doc__)
