"""Align text and image in time: keyframes, rois and captions in, data/pairs out. This is QUILT."""

import json
from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.pairs.params import Params

VIDEOS, KEYFRAMES, ROIS, CAPTIONS = (Path("data") / name for name in ("videos", "keyframes", "rois", "captions"))
OUT, QUILT = Path("data/pairs/pairs.parquet"), Path("data/pairs/quilt.csv")


def run(params: Params, base: Base) -> dict[str, Any]:
    """Pair every captioned video."""
    import pandas as pd

    from stages.common.data.files import write_bytes, write_json, write_table
    from stages.common.data.pairs import pairs_table
    from stages.common.incremental.manifest import finished

    videos = VIDEOS.read(VIDEOS.at()).set_index("video_id")
    names = finished(CAPTIONS).id
    table = pairs_table([row for name in names for row in video_rows(name, videos.loc[name], params)])
    PAIRS.write(PAIRS.at(), table)
    if len(table):
        write_bytes(QUILT, _export(table).to_csv(index=False).encode())
    metrics = {
        "pairs": len(table),
        "images": int(table.image.nunique()),
        "videos": len(names),
        "texts_per_image": len(table) / max(1, table.image.nunique()),
        "words_per_text": float(table.text.str.split().str.len().mean()) if len(table) else 0.0,
        "with_box": int((table.box != "[]").sum()),
        "by_kind": {str(k): int(v) for k, v in table.groupby("kind").size().items()},
        "by_reason": {str(k): int(v) for k, v in table.groupby("reason").size().items()},
    }
    write_json(Path("reports/metrics/pairs.json"), metrics)
    return {"items": len(names), "pairs": len(table), "images": metrics["images"]}


def _export(table: Any) -> Any:
    """The pairs as QUILT's users know them."""
    import pandas as pd

    from stages.common.data.files import read_json
    from stages.pairs.quilt import quilt_table

    names = sorted(table.video_id.unique())
    holds = pd.concat([HOLDS.read(HOLDS.at(id=name)) for name in names]).set_index("hold_id")
    return quilt_table(table, holds, {name: CAPTIONS.read(CAPTIONS.at(id=name))["sentences"] for name in names})


def video_rows(name: str, video: Any, params: Params) -> list[dict[str, Any]]:
    """Rows of the pairs of one captioned video; `video` is its row of videos.parquet."""
    import pandas as pd

    from stages.common.data.files import read_json
    from stages.pairs.align import align, box_for
    from stages.pairs.lengths import counter, in_parts

    holds = HOLDS.read(HOLDS.at(id=name))
    boxes = BOXES.read(BOXES.at(id=name))
    captions = CAPTIONS.read(CAPTIONS.at(id=name))
    count = counter(params.tokenizer)
    sentences = [part for whole in captions["sentences"] for part in in_parts(whole, count, params.max_tokens)]
    rows = []
    for number, match in enumerate(align(holds, sentences, params, boxes)):
        sentence, hold = sentences[match.sentence], holds.loc[match.hold]
        rows.append(
            {
                "pair_id": f"{hold.hold_id}_{number:03d}",
                "source": "quilt",
                "group": name,
                "video_id": name,
                "hold_id": hold.hold_id,
                "image": f"{KEYFRAMES}/{name}.tar#{hold.image}",
                "start_s": sentence["start"],
                "end_s": sentence["end"],
                "text": sentence["text"],
                "kind": sentence["kind"],
                "box": json.dumps(box_for(boxes, hold.hold_id, sentence)),
                "entities": json.dumps(sentence["entities"]),
                "sub_pathology": captions["sub_pathology"][0]["field"],
                "magnification": hold.magnification,
                "width": hold.width,
                "height": hold.height,
                "confidence": match.confidence,
                "reason": match.reason,
                "provenance": video.url,
                "license": video.license or "",
            }
        )
    return rows


if __name__ == "__main__":
    run_stage("pairs", run, __doc__)
