"""What stage dataset writes: the table of all candidates, and webdataset shards of those that have a split."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from stages.common.paths import DATASET_DIR
from stages.common.tables.fingerprints import SIMILARITY
from stages.common.tables.keyframes import BACKGROUND, BLUR
from stages.common.tables.pairs import PAIR_TABLE
from stages.common.tables.schema import Column, Record, Table

SPLITS = ("train", "val", "test")

DATASET_TABLE = Table(
    stage="dataset",
    path=DATASET_DIR / "pairs.parquet",
    rows="a candidate: a pair with its split, or with the reason why it was dropped",
    columns=(
        *PAIR_TABLE.columns,
        SIMILARITY,
        Column("split", "string", "train, val or test; empty where the pair was dropped"),
        Column("drop", "string", "why the pair was dropped; empty where it has a split"),
        Column("duplicate_of", "string", "pair_id of the image that stays in place of this copy"),
        Column("text_group", "string", "pair_id of the first text that says nearly the same"),
        Column("sha256", "string", "of the encoded image", "hex"),
        BLUR,
        BACKGROUND,
    ),
)


class Sample(TypedDict):
    """The .json of a sample in a shard; .jpg is the image, .txt the first text. The lists are in one order."""

    source: Annotated[str, Field(description="of the image: quilt, pubmed, openpath, ...")]
    texts: Annotated[list[str], Field(description="every text of the image")]
    pair_ids: Annotated[list[str], Field(description="pair of each text")]
    text_groups: Annotated[
        list[str], Field(description="text_group of each text; equal where texts say nearly the same")
    ]


SAMPLE = Record("dataset", DATASET_DIR / "{split}-{number}.tar#{key}.json", Sample)
