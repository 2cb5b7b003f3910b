"""Align text and image in time: keyframes, rois and captions in, data/pairs out. This is QUILT."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from stages.common.paths import CAPTIONS_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.pairs.params import Params

if TYPE_CHECKING:
    import pandas as pd


def run(params: Params, base: Base) -> dict[str, Any]:
    """Pair every captioned video."""
    from stages.common.data.files import write_json
    from stages.common.incremental.manifest import finished
    from stages.common.tables.pairs import PAIR_TABLE, QUILT_EXPORT, pairs_table
    from stages.common.tables.videos import VIDEO_TABLE
    from stages.pairs.quilt import export

    videos = VIDEO_TABLE.read(VIDEO_TABLE.at()).set_index("video_id")
    names = finished(CAPTIONS_DIR).id
    total, kinds, reasons = Counter[str](), Counter[str](), Counter[str]()

    def tables() -> "Iterator[pd.DataFrame]":
        for group in groups_in_order(names):
            table = pairs_table([row for name in group for row in video_rows(name, videos.loc[name], params)])
            words = int(table.text.str.split().str.len().sum())
            with_box = int((table.box != "[]").sum())
            total.update(pairs=len(table), images=table.image.nunique(), words=words, with_box=with_box)
            kinds.update(table.kind)
            reasons.update(table.reason)
            yield table

    PAIR_TABLE.write_parts(PAIR_TABLE.at(), tables())
    if total["pairs"]:
        export(PAIR_TABLE.read_parts(PAIR_TABLE.at()), QUILT_EXPORT)
    metrics = {
        "pairs": total["pairs"],
        "images": total["images"],  # those of a video are in its own file
        "videos": len(names),
        "texts_per_image": total["pairs"] / max(1, total["images"]),
        "words_per_text": total["words"] / max(1, total["pairs"]),
        "with_box": total["with_box"],
        "by_kind": dict(sorted(kinds.items())),
        "by_reason": dict(sorted(reasons.items())),
    }
    write_json(metrics_file("pairs"), metrics)
    return {"items": len(names), "pairs": total["pairs"], "images": total["images"]}


def groups_in_order(names: Iterable[str]) -> Iterator[list[str]]:
    """Videos in groups, so that all pair_ids of a group, which begin with "NAME_", come before those of the next. A
    group has one video, and others only where their names begin with "NAME_" as well."""
    group: list[str] = []
    for name in sorted(names, key=lambda name: f"{name}_"):
        if group and not name.startswith(f"{group[0]}_"):
            yield group
            group = []
        group.append(name)
    if group:
        yield group


def video_rows(name: str, video: Any, params: Params) -> list[dict[str, Any]]:
    """Rows of the pairs of one captioned video; `video` is its row of videos.parquet."""
    from stages.common.tables.captions import CAPTIONS
    from stages.common.tables.keyframes import HOLDS, tar_of
    from stages.common.tables.rois import BOXES
    from stages.pairs.align import align, images_of
    from stages.pairs.lengths import split_sentence, token_counter

    regions = HOLDS.read(HOLDS.at(id=name))
    holds = regions.drop_duplicates("hold_id")
    boxes = BOXES.read(BOXES.at(id=name))
    captions = CAPTIONS.read(CAPTIONS.at(id=name))
    count = token_counter(params.tokenizer)
    sentences = [part for whole in captions["sentences"] for part in split_sentence(whole, count, params.max_tokens)]
    rows = []
    matches = align(holds, sentences, params, boxes)
    images = regions.to_dict("records")
    found = [(match, *one) for match in matches for one in images_of(match, images, sentences, boxes)]
    for number, (match, image, box, confidence) in enumerate(found):
        sentence = sentences[match.sentence]
        rows.append(
            {
                "pair_id": f"{image['hold_id']}_{number:03d}",
                "source": "quilt",
                "group": name,
                "video_id": name,
                "hold_id": image["hold_id"],
                "image": f"{tar_of(name).as_posix()}#{image['image']}",
                "start_s": sentence["start"],
                "end_s": sentence["end"],
                "text": sentence["text"],
                "kind": sentence["kind"],
                "box": json.dumps(box),
                "entities": json.dumps(sentence["entities"]),
                "sub_pathology": next((guess["field"] for guess in captions["sub_pathology"]), ""),
                "magnification": image["magnification"],
                "magnification_how": image["magnification_how"],
                "width": image["width"],
                "height": image["height"],
                "confidence": confidence,
                "reason": match.reason,
                "provenance": video.url,
                "license": video.license or "",
            }
        )
    return rows


if __name__ == "__main__":
    run_stage("pairs", run, __doc__)
