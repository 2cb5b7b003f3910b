"""What stages would leave of a small run, written by hand: two videos with speech, two without, and one source."""

import json

import numpy as np
from PIL import Image

from stages.common.data.files import jpeg
from stages.common.data.tars import write_tar
from stages.common.tables.captions import CAPTIONS
from stages.common.tables.dataset import DATASET_TABLE
from stages.common.tables.items import MANIFEST
from stages.common.tables.keyframes import HOLDS, PASSED, PASSED_MEMBER, tar_of
from stages.common.tables.pairs import PAIR_TABLE, pairs_table
from stages.common.tables.rois import TRACE
from stages.common.tables.sources import DROPPED, SOURCE_PAIRS
from stages.common.tables.transcripts import TRANSCRIPT
from stages.common.tables.videos import STATUS_TABLE, VIDEO_TABLE

ATTACK = "<script>alert(1)</script></script><img src=x onerror=alert(2)>\u2028"
PEARLS = {"term": "keratin pearls", "id": "T1", "semantic_type": "Finding"}
MITOSES = {"term": "mitoses", "id": "T2", "semantic_type": "Finding", "negated": True}
SENTENCES = [  # start, as heard, as corrected, kind, entities, corrections
    (1.0, "Here are carotene pearls.", "Here are keratin pearls.", "roi", [PEARLS], [("carotene", "keratin")]),
    (7.0, f"Welcome {ATTACK}", f"Welcome {ATTACK}", "other", [], []),
    (13.0, "There are no mitoses.", "There are no mitoses.", "medical", [MITOSES], []),
    (31.0, "Nothing rests while this is said.", "Nothing rests while this is said.", "medical", [], []),
    (37.0, "", "", "other", [], []),
]
TITLES = {"v1": ATTACK, "v2": "Skin", "v3": "Silent", "v4": "Cars"}


def make(seed=0):
    """Write the run below the current folder; return the metrics that it would have."""
    write_videos()
    for video in ("v1", "v2", "v3"):
        write_video(video, np.random.default_rng(seed))
    write_source()
    write_dataset()
    return {"dataset": {"pairs": 6, "images": 3}, "videos": {"ok": 4}}


def manifest(folder, **rows):
    """`rows`: the status of each item, with its reason."""
    found = [(name, *said.split(), "")[:3] for name, said in rows.items()]
    MANIFEST.write(MANIFEST.at(folder=folder), MANIFEST.frame([(*row, "", "") for row in found]))


def write_videos():
    empty = {column.name: "" if column.type == "string" else 0 for column in VIDEO_TABLE.columns}
    rows = [empty | {"video_id": name, "title": title, "has_audio": True} for name, title in TITLES.items()]
    rows[0]["url"], rows[1]["url"] = f"https://example.org/watch?v={ATTACK}", f"javascript:{ATTACK}"
    VIDEO_TABLE.write(VIDEO_TABLE.at(), VIDEO_TABLE.frame(rows))
    listed = [(name, "ok", "", "") for name in TITLES] + [("v5", "failed", "truncated", ATTACK)]
    STATUS_TABLE.write(STATUS_TABLE.at(), STATUS_TABLE.frame(listed))
    manifest("data/keyframes", v1="ok", v2="ok", v3="ok", v4="rejected no_histology")
    manifest("data/transcripts", v1="ok", v2="ok", v3="rejected no_speech")
    manifest("data/rois", v1="ok", v2="ok", v3="ok")
    manifest("data/captions", v1="ok", v2="ok")


def write_video(video, rng):
    """Three holds of 9 s each, the last with no sentence, and two rests that are none, one of them with a picture;
    the sentences of SENTENCES; a cursor that circles."""
    holds = []
    for number in range(3):
        named = {"hold_id": f"{video}_{number:04d}", "image": f"{number:04d}.jpg", "magnification": 1.0}
        place = {"region": 0, "start_s": 10.0 * number, "end_s": 10.0 * number + 9, "width": 160, "height": 90}
        box = {"x0": 0.25, "y0": 0.0, "x1": 0.75, "y1": 1.0}
        holds.append(dict.fromkeys(HOLDS.names, 0.0) | named | place | box | {"magnification_how": "estimated"})
    HOLDS.write(HOLDS.at(id=video), HOLDS.frame(holds))
    passed = [(29.0, 30.5, "rest_too_short", np.nan, "short.jpg"), (31.0, 36.0, "not_histology", 0.25, "")]
    shown = {name: picture(rng) for name in [*(hold["image"] for hold in holds), "short.jpg"]}
    write_tar(tar_of(video), {PASSED_MEMBER: PASSED.to_bytes(PASSED.frame(passed))} | shown)
    TRACE.write(TRACE.at(id=video), TRACE.frame([(f"{video}_0000", 1.0 + n / 5, 0.5, n / 20) for n in range(15)]))
    said = []
    for start, raw, text, kind, entities, corrections in SENTENCES:
        made = [{"from": old, "to": new, "by": "lexicon", "score": 0.9} for old, new in corrections]
        times = [(start + n, start + n + 0.8) for n in range(len(raw.split()))]
        words = {"raw": raw, "text": text, "kind": kind, "entities": entities, "corrections": made, "times": times}
        said.append(words | {"start": start, "end": start + 5, "personal_data": [] if raw else ["email"]})
    field = [{"field": "Dermatopathology", "probability": 0.9}]
    CAPTIONS.write(CAPTIONS.at(id=video), {"sentences": said, "sub_pathology": field, "refused": {}})
    echo = {"start": 50.0, "end": 52.0, "text": "thanks for watching", "reason": "unlikely"}
    segments = [{"start": 0.0, "end": 40.0, "text": "...", "words": []}]
    heard = {"language": "en", "audio_s": 60.0, "segments": segments, "dropped": [echo] if video == "v1" else []}
    TRANSCRIPT.write(TRANSCRIPT.at(id=video), heard)


def pairs_of(video):
    for number, sentence in ((0, SENTENCES[0]), (1, SENTENCES[2])):
        start, _, text, kind, entities, _ = sentence
        yield {
            **{"pair_id": f"{video}_{number:04d}_000", "source": "quilt", "video_id": video},
            **{"hold_id": f"{video}_{number:04d}", "image": f"data/keyframes/{video}.tar#{number:04d}.jpg"},
            **{"start_s": start, "end_s": start + 5, "text": text, "kind": kind, "entities": json.dumps(entities)},
            **{"sub_pathology": "Dermatopathology", "magnification": 1.0, "magnification_how": "estimated"},
            **{"confidence": 1.0 - number / 2, "reason": ("pointed_at", "said_over_hold")[number]},
            **{"box": "[0.1, 0.1, 0.5, 0.5]" if number == 0 else "[]", "width": 160, "height": 90},
        }


def of_pubmed():
    for number in range(3):
        image = f"data/keyframes/v1.tar#{number:04d}.jpg"
        named = {"pair_id": f"pubmed_{number}", "source": "pubmed", "image": image, "text": f"Figure {number} {ATTACK}"}
        yield named | {"box": "[]", "confidence": 1.0, "reason": "captioned", "license": "CC BY"}


def write_source():
    SOURCE_PAIRS.write(SOURCE_PAIRS.at(name="pubmed"), pairs_table(list(of_pubmed())))
    dropped = [(f"k{n}", "a", "not_histology", ATTACK, f"article {n}", "CC BY") for n in range(5)]
    DROPPED.write(DROPPED.at(name="pubmed"), DROPPED.frame(dropped))


def write_dataset():
    """Of seven candidates one is a copy of another."""
    quilt = pairs_table([row for video in ("v1", "v2") for row in pairs_of(video)])
    PAIR_TABLE.write(PAIR_TABLE.at(), quilt)
    table = pairs_table([*quilt.to_dict("records"), *of_pubmed()])
    table = table.assign(split="train", drop="", duplicate_of="", text_group=table.pair_id, sha256="")
    table = table.assign(similarity=np.nan, blur=0.1, background=0.0)
    copy = table.pair_id == "pubmed_0"
    table.loc[copy, ["split", "drop", "duplicate_of"]] = ["", "exact_duplicate", "v1_0000_000"]
    DATASET_TABLE.write(DATASET_TABLE.at(), table[DATASET_TABLE.names])


def picture(rng):
    return jpeg(Image.fromarray(rng.integers(0, 255, (90, 160, 3)).astype(np.uint8)))
