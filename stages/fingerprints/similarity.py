"""CLIP similarity: how well a text fits its image, under a CLIP model that was trained on other data."""

import pandas as pd

from stages.common.data.references import ImageReader
from stages.common.models.clip import named
from stages.common.models.embed import embed_images, embed_texts

BATCH = 64


def similarities(pairs: pd.DataFrame, model: str, device: str, jobs: int) -> pd.DataFrame:
    """Return pair_id and similarity, the cosine of image and text, of `pairs` (pair_id, image, text).

    `model` is a place for `named`; "" gives NaN. Raises StageError where an image cannot be read.
    """
    if not model or pairs.empty:
        return pairs[["pair_id"]].assign(similarity=float("nan"))
    clip = named(model)
    (rows, images), (columns, texts) = (pd.factorize(pairs[name], sort=True) for name in ("image", "text"))
    image_vectors = embed_images(clip, list(images), ImageReader().read, BATCH, device, jobs, title="images of pairs")
    text_vectors = embed_texts(clip, list(texts), BATCH, device)
    cosine = (image_vectors[rows] * text_vectors[columns]).sum(1)
    return pairs[["pair_id"]].assign(similarity=cosine.astype(float))
