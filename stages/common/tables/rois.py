"""What stage rois writes: per video a table with the cursor's trace, and one with the boxes of its gestures."""

from stages.common.paths import ROIS_DIR
from stages.common.tables.keyframes import BOX, END, HOLD_ID, START
from stages.common.tables.schema import Column, Table

BOXES = Table(
    stage="rois",
    path=ROIS_DIR / "{id}.parquet",
    rows="a gesture of the cursor over a hold, and the box around it",
    columns=(HOLD_ID, START, END, *BOX),
)
TRACE = Table(
    stage="rois",
    path=ROIS_DIR / "{id}.trace.parquet",
    rows="the cursor's place at one moment of a hold",
    columns=(
        HOLD_ID,
        Column("t_s", "double", "time, from the beginning of the video", "s"),
        Column("x", "double", "where the cursor points, as a share of the width"),
        Column("y", "double", "where the cursor points, as a share of the height"),
    ),
)
