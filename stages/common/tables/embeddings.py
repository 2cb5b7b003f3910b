"""What stage embeddings writes beside its vectors: the table of every set that was embedded, and which were not."""

from stages.common.paths import EMBEDDINGS_DIR
from stages.common.tables.schema import Column, Table

SETS = "sets"  # subfolder of the folder, beside those of the models

EVALSET = Table(
    stage="embeddings",
    path=EMBEDDINGS_DIR / "sets/{name}.parquet",
    rows="an image of an evalset, or an image and one of its texts",
    columns=(
        Column("path", "string", "reference of the image, below the folder of evalsets or in a shard"),
        Column("label", "int64", "number of the class in the protocol; -1 without one"),
        Column("split", "string", "train, validation or test, or empty where there is no official split"),
        Column("institution", "string", "where the slide comes from; of a held-out pair, its source; or empty"),
        Column("text", "string", "the text, in sets of pairs"),
        Column("group", "string", "patient, slide or original that the image is of, or empty where it is unknown"),
    ),
)

FAILED_SETS = Table(
    stage="embeddings",
    path=EMBEDDINGS_DIR / "failed.parquet",
    rows="an evalset that is there and could not be read, where the protocol says `missing: skip`; no file without one",
    columns=(
        Column("evalset", "string", "name in the protocol"),
        Column("reason", "string", "what is wrong with it, in one line"),
    ),
)
