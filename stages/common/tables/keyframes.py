"""What stage keyframes writes: per video a table of holds, and a tar with their images, cuts and overlays."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stages.common.frame_filter.prediction import FLAGS
from stages.common.paths import KEYFRAMES_DIR
from stages.common.tables.schema import Column, Record, Table

# Of the tar, beside an NNNN.jpg a clean image, and a REASON_NNNN.jpg of some that were passed over.
CUTS_MEMBER, OVERLAYS_MEMBER, PASSED_MEMBER = "cuts.json", "overlays.parquet", "passed.parquet"
TOO_SHORT, NO_TISSUE, NOT_HISTOLOGY = "rest_too_short", "no_tissue", "not_histology"  # why a rest is passed over

HOLD_ID = Column("hold_id", "string", "the hold, a stretch in which the camera rests (the paper: a stable chunk)")
START = Column("start_s", "double", "when it begins, from the beginning of the video", "s")
END = Column("end_s", "double", "when it ends, from the beginning of the video", "s")
MAGNIFICATION = Column(
    "magnification", "double", "class of the nearest objective: 0 up to 10x, 1 20x, 2 above; NaN unknown"
)
MAGNIFICATION_HOW = Column(
    "magnification_how",
    "string",
    "how it is known: estimated from the image, read where the source states it, or empty",
)
BLUR = Column("blur", "double", "0 sharp, 1 blurred (Crete et al. 2007)")
BACKGROUND = Column("background", "double", "share of the image that is bright and without colour: bare background")
BOX = (
    Column("x0", "double", "left of the box, as a share of the width"),
    Column("y0", "double", "top of the box, as a share of the height"),
    Column("x1", "double", "right of the box, as a share of the width"),
    Column("y1", "double", "bottom of the box, as a share of the height"),
)
REGION = Column("region", "int64", "the region of the hold that the image shows: 0, 1, ... from the largest")


FLAG = Column("flag_", "double", "probability that this spoils the image; NaN where no label taught it")
FLAG_COLUMNS = tuple(replace(FLAG, name=f"flag_{name}") for name in FLAGS)


HOLDS = Table(
    stage="keyframes",
    path=KEYFRAMES_DIR / "{id}.parquet",
    rows="a region of a hold of one video whose image is histology; the box says where in the frame it is",
    columns=(
        HOLD_ID,
        REGION,
        START,
        END,
        *BOX,
        Column("histology_prob", "double", "probability that the image is histology"),
        Column("width", "int64", "of the image", "pixels"),
        Column("height", "int64", "of the image", "pixels"),
        Column("image", "string", "member of the video's tar with the clean image; holds of one view share it"),
        MAGNIFICATION,
        MAGNIFICATION_HOW,
        BLUR,
        BACKGROUND,
        *FLAG_COLUMNS,
    ),
    more=FLAG,
)
OVERLAYS = Table(
    stage="keyframes",
    path=KEYFRAMES_DIR / "{id}.tar#overlays.parquet",
    rows="something small that lay over a hold's frame at one moment: a cursor or an annotation",
    columns=(
        Column("t_s", "float", "time, from the beginning of the video", "s"),
        Column("x", "float", "where it points, as a share of the width"),
        Column("y", "float", "where it points, as a share of the height"),
        *(Column(one.name, "float", one.meaning) for one in BOX),
        Column("area", "float", "share of the picture that it covers"),
        Column("changed", "float", "share of its pixels that differ from the picture before"),
        HOLD_ID,
    ),
)
PASSED = Table(
    stage="keyframes",
    path=KEYFRAMES_DIR / "{id}.tar#passed.parquet",
    rows="a rest of the camera, of a second or more, that made no key frame",
    columns=(
        START,
        END,
        Column(
            "reason",
            "string",
            "rest_too_short: shorter than keyframes.min_hold_s; no_tissue: nothing on screen could be; "
            "not_histology: the frame filter says so",
        ),
        Column("histology_prob", "double", "probability that the screen shows histology; NaN where it was not asked"),
        Column("image", "string", "member of the video's tar with a small picture; empty where none was kept"),
    ),
)
CutTime = Annotated[
    float, Field(description="when one shot ends and the next begins, s from the beginning of the video")
]
CUTS: Record[list[float]] = Record("keyframes", KEYFRAMES_DIR / "{id}.tar#cuts.json", list[CutTime])


def tar_of(video_id: str) -> Path:
    """The tar of a video's clean images, cuts and overlays."""
    return KEYFRAMES_DIR / f"{video_id}.tar"
