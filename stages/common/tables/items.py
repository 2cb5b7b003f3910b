"""What every incremental stage writes about its items."""

from pathlib import Path

from stages.common.paths import KEYS_DIR
from stages.common.tables.schema import Column, Table

ITEM = Column("id", "string", "the item, for videos the video_id")
DIGEST = Column("digest", "string", "SHA-256 over the item's files, empty unless the status is ok", "hex")
STATUS = Column("status", "string", "ok, rejected or failed")
REASON = Column("reason", "string", "why it was rejected or failed, a short word")
ERROR = Column("error", "string", "what there is to add to the reason")

MANIFEST_FILE = "manifest.parquet"

MANIFEST = Table(
    stage="",
    path=Path("{folder}") / MANIFEST_FILE,
    rows="an item that an incremental stage worked on",
    columns=(ITEM, STATUS, REASON, ERROR, DIGEST),
)
KEYS = Table(
    stage="",
    path=KEYS_DIR / "{name}.parquet",
    rows="an item with the key of all that its files depend on",
    columns=(ITEM, DIGEST, Column("key", "string", "hash of all that the item's files depend on", "hex")),
)
