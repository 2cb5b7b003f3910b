"""A small dataset to export: a lecture with a split view, an article, and what was dropped."""

import json

import numpy as np
import pytest
from PIL import Image

from stages.common.data.files import jpeg, write_bytes
from stages.common.data.tars import write_tar
from stages.common.tables.captions import CAPTIONS
from stages.common.tables.dataset import DATASET_TABLE
from stages.common.tables.keyframes import HOLDS, tar_of
from stages.common.tables.pairs import pairs_table
from stages.common.tables.rois import BOXES, TRACE
from stages.dataset.shards import write_shards

VIDEO = "lecture"
CRYPTS = "Here crypts line the lamina propria."  # heard otherwise
GLANDS = "These glands are crowded, and they are back to back."
LEFT, RIGHT, WHOLE = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)
LICENSE = "Creative Commons Attribution license (reuse allowed)"
ENTITY = {"term": "crypts", "id": "G:1", "semantic_type": "Anatomy", "negated": False}
# The cursor goes round in the left half, over to the right, comes back, and is lost for two seconds.
PATH = [
    *((t, 0.1 + (t - 10) / 10, 0.4) for t in (10.0, 10.5, 11.0)),
    *((t, 0.8, 0.5) for t in (11.5, 12.0)),
    *((t, 0.25, 0.6) for t in (12.5, 13.0)),
    *((t, 0.3, 0.7) for t in (15.0, 15.5)),
]


def sentence(raw, text, start, step=0.5, kind="medical"):
    times = [(start + step * n, start + step * (n + 1)) for n in range(len(raw.split()))]
    more = {"corrections": [], "entities": [], "personal_data": [], "kind": kind}
    return {"start": start, "end": times[-1][1], "times": times, "raw": raw, "text": text, **more}


def view(hold_id, region, start, end, box, image):
    values = dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))
    values |= {"hold_id": hold_id, "region": region, "start_s": start, "end_s": end, "image": image}
    return dict.fromkeys(HOLDS.names, 0.0) | {"magnification_how": ""} | values


def pair(pair_id, text, image, **more):
    values = {"pair_id": pair_id, "source": "quilt", "group": VIDEO, "video_id": VIDEO, "text": text, "image": image}
    values |= {"width": 640, "height": 480, "provenance": "https://videos.example/lecture", "license": LICENSE}
    return values | {"box": "[]", "entities": "[]", "split": "train", "drop": "", **more}


@pytest.fixture
def exported(tmp_path, monkeypatch):
    """A finished dataset in the working directory; gives its table."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    pictures = [jpeg(Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8))) for _ in range(5)]
    write_tar(tar := tar_of(VIDEO), {f"{n:04d}.jpg": picture for n, picture in enumerate(pictures[:3])})
    write_tar(tmp_path / "data/sources/pubmed/images.tar", {"a.jpg": pictures[3], "b.jpg": pictures[4]})
    holds = [
        view("lecture_0000", 0, 9.0, 16.0, LEFT, "0000.jpg"),
        view("lecture_0000", 1, 9.0, 16.0, RIGHT, "0001.jpg"),
        view("lecture_0001", 0, 18.0, 30.0, WHOLE, "0002.jpg"),
    ]
    HOLDS.write(HOLDS.at(id=VIDEO), HOLDS.frame(holds))
    TRACE.write(TRACE.at(id=VIDEO), TRACE.frame([("lecture_0000", *point) for point in PATH]))
    gesture = ("lecture_0000", 0, 10.0, 11.0, 0.2, 0.3, 0.4, 0.5, 0.1, 0.3, 0.2, 0.5)
    BOXES.write(BOXES.at(id=VIDEO), BOXES.frame([gesture]))
    crypts = sentence("here creps line the laminopropria", CRYPTS, 10.0)
    glands = sentence(GLANDS, GLANDS, 18.0)
    private = sentence("hello Mrs Miller", "", 16.0, kind="other") | {"personal_data": ["name"]}
    captions = {"sentences": [crypts, private, glands], "refused": {}}
    CAPTIONS.write(CAPTIONS.at(id=VIDEO), captions | {"sub_pathology": [{"field": "Breast", "probability": 0.9}]})
    left, dropped, whole = (f"{tar}#{n:04d}.jpg" for n in range(3))
    figure, other = (f"data/sources/pubmed/images.tar#{name}.jpg" for name in "ab")
    first, second = GLANDS.split(", ")
    by = {
        "source": "pubmed",
        "group": "PMC1",
        "video_id": "",
        "license": "https://creativecommons.org/licenses/by/4.0/",
    }
    rows = [
        pair(
            "lecture_0000_000", CRYPTS, left, hold_id="lecture_0000", start_s=10.0, end_s=12.5,
            box=json.dumps([0.2, 0.3, 0.4, 0.5]), entities=json.dumps([ENTITY]),
        ),
        pair("lecture_0001_001", f"{first},", whole, hold_id="lecture_0001", start_s=18.0, end_s=20.0),
        pair("lecture_0001_002", second, whole, hold_id="lecture_0001", start_s=20.0, end_s=23.0),
        pair("lecture_0001_003", "A dropped one.", dropped, hold_id="lecture_0000", split="", drop="blurred"),
        pair("pubmed_a", "A figure of an article.", figure, split="val", **by),
        pair("pubmed_b", "Another figure.", other, split="test", **by | {"license": ""}),
    ]  # fmt: skip
    table = pairs_table(rows)
    for name in ("split", "drop"):
        table[name] = table.pair_id.map({row["pair_id"]: row[name] for row in rows})
    table["text_group"] = table.pair_id
    DATASET_TABLE.write(DATASET_TABLE.at(), table.reindex(columns=DATASET_TABLE.names))
    write_shards(table, DATASET_TABLE.at().parent, max_side=512, shard_size=1, min_shards=1, seed=0, jobs=1)
    write_bytes(DATASET_TABLE.at().with_name("note.txt"), b"Of a test.")
    return DATASET_TABLE.read(DATASET_TABLE.at())
