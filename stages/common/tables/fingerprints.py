"""What stage fingerprints writes: a row for every image, and how well images and texts of pairs fit."""

from dataclasses import replace

import numpy as np

from stages.common.paths import FINGERPRINTS_DIR
from stages.common.tables.keyframes import BACKGROUND, BLUR, FLAG, FLAG_COLUMNS
from stages.common.tables.pairs import IMAGE, PAIR_ID
from stages.common.tables.schema import Column, Table

SIDE = 256  # units of a picture's long side in which places of features are given
STEPS = 16  # of a feature's size in an octave
TURN = 256  # of a feature's angle in a full turn
WORD_BITS = 31
HANDED = np.uint32(1 << WORD_BITS)  # the bit of a word that differs between a feature and its mirror image
FEATURE = np.dtype([("word", "<u4"), ("x", "u1"), ("y", "u1"), ("size", "u1"), ("angle", "u1")])

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
        Column("blobs", "binary", "local features (SIFT): 8 bytes each, visual word, place, size, angle"),
        Column("spots", "binary", "local features of another kind (AKAZE, grey levels), likewise"),
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
