"""What stage rois writes: per video a table with the cursor's trace, and one with the boxes of its gestures."""

from dataclasses import replace

from stages.common.paths import ROIS_DIR
from stages.common.tables.keyframes import BOX, END, HOLD_ID, REGION, START
from stages.common.tables.schema import Column, Table

FRAME_BOX = tuple(replace(side, name=f"frame_{side.name}", meaning=f"{side.meaning} of the frame") for side in BOX)
BOXES = Table(
    stage="rois",
    path=ROIS_DIR / "{id}.parquet",
    rows="a gesture of the cursor over a region of a hold, and the box around it, in the region and in the frame",
    columns=(HOLD_ID, REGION, START, END, *BOX, *FRAME_BOX),
)
TRACE = Table(
    stage="rois",
    path=ROIS_DIR / "{id}.trace.parquet",
    rows="the cursor's place at one moment of a hold",
    columns=(
        HOLD_ID,
        Column("t_s", "double", "time, from the beginning of the video", "s"),
        Column("x", "double", "where the cursor points, as a share of the frame's width"),
        Column("y", "double", "where the cursor points, as a share of the frame's height"),
    ),
)
