"""What stage fingerprints writes: a row for every image, and how well images and texts of pairs fit."""

from dataclasses import replace

from stages.common.paths import FINGERPRINTS_DIR
from stages.common.tables.keyframes import BACKGROUND, BLUR, FLAG, FLAG_COLUMNS
from stages.common.tables.pairs import IMAGE, PAIR_ID
from stages.common.tables.schema import Column, Table

SIMILARITY = Column("similarity", "double", "cosine of image and text under fingerprints.clip; NaN without a model")

IMAGES = Table(
    stage="fingerprints",
    path=FINGERPRINTS_DIR / "images.parquet",
    rows="an image of a candidate",
    columns=(
        IMAGE,
        Column("sha256", "string", "of the encoded image", "hex"),
        Column("hash", "binary", "perceptual hash (DCT), 256 bits"),
        Column("mirrored", "binary", "perceptual hash of the mirror image, 256 bits"),
        Column("embedding", "binary", "float16 unit vector, projected from the frame filter's features"),
        Column("width", "int64", "of the image", "pixels"),
        Column("height", "int64", "of the image", "pixels"),
        BLUR,
        BACKGROUND,
        Column("histology", "double", "probability that the image is histology"),
        *FLAG_COLUMNS,
        Column("error", "string", "why the image cannot be read, or empty"),
    ),
    more=FLAG,
)
EVALSET_IMAGES = replace(
    IMAGES,
    path=FINGERPRINTS_DIR / "evalsets.parquet",
    rows="an image of an evalset, which may not be trained on",
    columns=(*IMAGES.columns, Column("evalset", "string", "name of the evalset in the protocol")),
)
SIMILARITIES = Table(
    stage="fingerprints",
    path=FINGERPRINTS_DIR / "similarity.parquet",
    rows="a pair",
    columns=(PAIR_ID, SIMILARITY),
)
