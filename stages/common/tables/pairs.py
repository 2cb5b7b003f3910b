"""Image-text pairs: the same columns from stage pairs and from every source."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from stages.common.paths import PAIRS_DIR
from stages.common.tables.keyframes import HOLD_ID, MAGNIFICATION, MAGNIFICATION_HOW
from stages.common.tables.schema import Column, Table
from stages.common.tables.videos import VIDEO_ID

QUILT_EXPORT = PAIRS_DIR / "quilt.csv"  # under the column names of the released QUILT table

PAIR_ID = Column("pair_id", "string", "the pair; unique over all sources")
SOURCE = Column("source", "string", "quilt, pubmed, openpath, laion, table or a source of your own")
IMAGE = Column("image", "string", "reference of the image: path/to.tar#member")
TEXT = Column("text", "string", "the text")

PAIR_TABLE = Table(
    stage="pairs",
    path=PAIRS_DIR / "pairs.parquet",
    rows="an image and a text",
    columns=(
        PAIR_ID,
        SOURCE,
        Column("group", "string", "what must stay in one split: the video, article, thread or image"),
        VIDEO_ID,
        HOLD_ID,
        IMAGE,
        Column("start_s", "double", "when the sentence begins; NaN for sources other than video", "s"),
        Column("end_s", "double", "when the sentence ends; NaN for sources other than video", "s"),
        TEXT,
        Column("kind", "string", "medical or roi (region-of-interest) text"),
        Column("box", "string", "JSON: [x0, y0, x1, y1] of the cursor's gesture, as shares of the image, or []"),
        Column("entities", "string", "JSON: terms in the text, [{term, id, semantic_type, negated}]"),
        Column("sub_pathology", "string", "one of the paper's 18 fields, unknown, or empty"),
        MAGNIFICATION,
        MAGNIFICATION_HOW,
        Column("width", "double", "of the image", "pixels"),
        Column("height", "double", "of the image", "pixels"),
        Column("confidence", "double", "how surely the text belongs to the image, 0..1"),
        Column("reason", "string", "why they were paired: said_over_hold, pointed_at, next_hold, captioned, ..."),
        Column("provenance", "string", "where the image comes from: an address, or a file and a row"),
        Column("license", "string", "as the source states it"),
        Column("released_split", "string", "train or val of Quilt-1M as it was released; empty for all other pairs"),
    ),
)


def pairs_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return `rows` as a table of PAIR_TABLE sorted by pair_id; what a row lacks is empty."""
    table = pd.DataFrame(rows).reindex(columns=PAIR_TABLE.names)
    for column in PAIR_TABLE.columns:
        values = table[column.name]
        table[column.name] = values.astype("float64") if column.type == "double" else values.fillna("").astype("string")
    return table.sort_values("pair_id", ignore_index=True)
