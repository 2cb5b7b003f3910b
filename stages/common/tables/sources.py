"""What stage sources writes for each source other than video: its pairs, and what was dropped."""

from dataclasses import replace

from stages.common.paths import MORE_SOURCES_DIR, SOURCES_DIR
from stages.common.tables.pairs import PAIR_TABLE
from stages.common.tables.schema import Column, Table

SOURCES = ("pubmed", "openpath", "laion", "table")  # built in; a folder of SOURCES_DIR for each
SOURCE_PAIRS = replace(PAIR_TABLE, stage="sources", path=SOURCES_DIR / "{name}/pairs.parquet")
DROPPED = Table(
    stage="sources",
    path=SOURCES_DIR / "{name}/dropped.parquet",
    rows="a candidate that was dropped",
    columns=(
        Column("key", "string", "the candidate, within its source"),
        Column("group", "string", "what it belongs to: the article, thread or image"),
        Column("reason", "string", "why it was dropped, a short word"),
        Column("detail", "string", "what there is to add"),
        Column("provenance", "string", "where the image comes from"),
        Column("license", "string", "as the source states it"),
    ),
)
# Of a source of the user's own.
MORE_PAIRS = replace(SOURCE_PAIRS, stage="sources_more", path=MORE_SOURCES_DIR / "{name}/pairs.parquet")
MORE_DROPPED = replace(DROPPED, stage="sources_more", path=MORE_SOURCES_DIR / "{name}/dropped.parquet")
