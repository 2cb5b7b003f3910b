"""Localized narratives: for each hold and region the words said of it with their times, the cursor's trace and boxes.

narratives.jsonl has the published form of Localized Narratives (Pont-Tuset et al. 2020), quilt_llava.parquet the
columns that Quilt-LLaVA's code makes instruction data from. The recording is the video: times are seconds from its
beginning.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stages.common.data.files import write_bytes
from stages.common.errors import StageError
from stages.common.tables.captions import CAPTIONS, CaptionSentence
from stages.common.tables.keyframes import HOLDS
from stages.common.tables.rois import BOXES, TRACE
from stages.export.inputs import images, shards
from stages.export.utterances import Utterance, utterances

if TYPE_CHECKING:
    import pyarrow as pa

AWAY_S = 1.0  # seconds; a cursor that is not seen for longer has left the picture, and a new segment begins
DIGITS = 4  # of coordinates
OURS = ("split", "sub_pathology", "provenance", "license")  # columns of pairs.parquet


def write_narratives(to: Path, pairs: pd.DataFrame) -> dict[str, int]:
    """Write narratives.jsonl, quilt_llava.parquet and images/ below `to`; return counts.

    Raises StageError where no pair is of a video.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from tqdm import tqdm

    spoken = pairs[pairs.source == "quilt"]
    if spoken.empty:
        raise StageError("no pair that is to be exported comes from a video: add quilt to dataset.sources")
    names = _write_images(to / "images", spoken)
    rows, traced = 0, 0
    lines = (to / "narratives.jsonl").open("w", encoding="utf-8")
    with lines, pq.ParquetWriter(to / "quilt_llava.parquet", schema()) as table:
        for video_id, own in tqdm(spoken.groupby("video_id", sort=True), desc="videos", unit="video"):
            found = list(_of_video(str(video_id), own, names))
            narratives = [_narrative(row) for row in found if row["segments"]]
            lines.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in narratives)
            table.write_table(pa.Table.from_pylist([_quilt_llava(row) for row in found], schema()))
            rows, traced = rows + len(found), traced + len(narratives)
    return {"items": rows, "with_cursor": traced, "images": len(set(names.values()))}


def schema() -> "pa.Schema":
    """The Arrow schema of quilt_llava.parquet: columns of Quilt-LLaVA's table that its code reads, and ours."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    span = [("start_time", number), ("end_time", number)]
    said = pa.struct([("utterance", text), *span])
    return pa.schema(
        [
            ("unique_row_id", text),
            ("video_id", text),
            ("image_path", pa.list_(text)),
            ("traces", pa.list_(pa.struct([("x", number), ("y", number), ("t", number)]))),
            ("extended_text_sentences_asrcorrected", said),
            ("extended_text_time_asrcorrected", pa.list_(said)),
            ("clustered_whole_sentences", text),
            ("boxes", pa.list_(pa.struct([*span, ("box", pa.list_(number))]))),
            *((name, text) for name in OURS),
        ]
    )


def _write_images(folder: Path, pairs: pd.DataFrame) -> dict[str, str]:
    """Write the image of each pair, once, by its key in the shards; return the key of each pair_id."""
    names: dict[str, str] = {}
    for shard in shards():
        for image in images(shard, pairs):
            write_bytes(folder / f"{image.key}.jpg", image.jpeg)
            names |= {pair["pair_id"]: image.key for pair in image.pairs}
    return names


def _of_video(video_id: str, pairs: pd.DataFrame, names: dict[str, str]) -> Iterator[dict[str, Any]]:
    """What is known of each region of a hold that has pairs: its words, trace and boxes."""
    holds, boxes, trace = (table.read(table.at(id=video_id)) for table in (HOLDS, BOXES, TRACE))
    sentences = CAPTIONS.read(CAPTIONS.at(id=video_id))["sentences"]
    member = pairs.image.str.partition("#")[2]
    for (hold_id, image), own in pairs.groupby(["hold_id", member], sort=True):
        view = holds[(holds.hold_id == hold_id) & (holds.image == image)]
        if view.empty:
            raise StageError(f"{HOLDS.at(id=video_id)} lacks {image} of {hold_id}: run `dvc repro dataset`")
        region = view.iloc[0]
        lines = own.sort_values(["start_s", "pair_id"]).to_dict("records")
        around = boxes[(boxes.hold_id == hold_id) & (boxes.region == region.region)]
        yield {
            "pairs": lines,
            "image": names[lines[0]["pair_id"]],
            "id": f"{hold_id}_{region.region}",
            "words": [word for line in lines for word in _words(line, sentences, video_id)],
            "segments": segments(trace[trace.hold_id == hold_id], region),
            "boxes": [
                {"start_time": box.start_s, "end_time": box.end_s, "box": [box.x0, box.y0, box.x1, box.y1]}
                for box in around.sort_values("start_s").itertuples()
            ],
        }


def _words(pair: dict[str, Any], sentences: Sequence[CaptionSentence], video_id: str) -> list[Utterance]:
    """The timed words of a pair, found in the sentence that it is, or is a part of."""
    for sentence in sentences:
        if (
            sentence["start"] <= pair["start_s"]
            and pair["end_s"] <= sentence["end"]
            and pair["text"] in sentence["text"]
        ):
            return utterances(sentence, pair["text"], pair["start_s"], pair["end_s"])
    raise StageError(f"{CAPTIONS.at(id=video_id)} lacks the sentence of {pair['pair_id']}: run `dvc repro dataset`")


def segments(trace: pd.DataFrame, region: Any) -> list[list[dict[str, float]]]:
    """The trace (t_s, x, y as shares of the frame) as shares of a region (x0, y0, x1, y1), in segments: a new one
    begins where the cursor comes back into the region, or was not seen for AWAY_S."""
    found: list[list[dict[str, float]]] = []
    inside = False
    for time, x, y in trace.sort_values("t_s")[["t_s", "x", "y"]].itertuples(index=False):
        x, y = (x - region.x0) / (region.x1 - region.x0), (y - region.y0) / (region.y1 - region.y0)
        was_inside, inside = inside, 0 <= x <= 1 and 0 <= y <= 1
        if not inside:
            continue
        if not was_inside or time - found[-1][-1]["t"] > AWAY_S:
            found.append([])
        found[-1].append({"x": round(x, DIGITS), "y": round(y, DIGITS), "t": time})
    return found


def _narrative(row: dict[str, Any]) -> dict[str, Any]:
    """A line of narratives.jsonl: the published keys and no others, which its loader would refuse."""
    first = row["pairs"][0]
    return {
        "dataset_id": f"quilt_{first['split']}",
        "image_id": row["image"],
        "annotator_id": annotator(first["video_id"]),
        "caption": _caption(row),
        "timed_caption": [word._asdict() for word in row["words"]],
        "traces": row["segments"],
        "voice_recording": "",
    }


def annotator(video_id: str) -> int:
    """A number for whoever narrates a video. It says nothing else of them: not even two videos of one have the same."""
    return int(hashlib.sha256(video_id.encode()).hexdigest()[:8], 16)


def _caption(row: dict[str, Any]) -> str:
    return " ".join(pair["text"] for pair in row["pairs"])


def _quilt_llava(row: dict[str, Any]) -> dict[str, Any]:
    """A row of quilt_llava.parquet."""
    first, caption = row["pairs"][0], _caption(row)
    words = [word._asdict() for word in row["words"]]
    return {
        "unique_row_id": row["id"],
        "video_id": first["video_id"],
        "image_path": [f"images/{row['image']}.jpg"],
        "traces": [point for segment in row["segments"] for point in segment],
        "extended_text_sentences_asrcorrected": {
            "utterance": caption,
            "start_time": min(pair["start_s"] for pair in row["pairs"]),
            "end_time": max(pair["end_s"] for pair in row["pairs"]),
        },
        "extended_text_time_asrcorrected": words,
        "clustered_whole_sentences": caption_with_boxes(row["pairs"]),
        "boxes": row["boxes"],
        **{name: first[name] for name in OURS},
    }


def caption_with_boxes(pairs: Sequence[dict[str, Any]]) -> str:
    """The texts of pairs, in order, each followed by its box of two digits, as Quilt-LLaVA's prompts expect them; texts
    that share a box share its mention."""
    parts = []
    for box, own in groupby(pairs, key=lambda pair: json.loads(pair["box"] or "[]")):
        texts = " ".join(pair["text"] for pair in own)
        parts.append(f"{texts} [{', '.join(str(round(side, 2)) for side in box)}]" if box else texts)
    return ", ".join(parts)
