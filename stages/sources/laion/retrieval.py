"""Rows of an index of image embeddings that text queries find, and the images near what they find."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from stages.common.data.arrays import Vectors
from stages.common.data.reading import named_damage
from stages.common.errors import StageError
from stages.sources.params import Queries


def retrieve(params: Queries) -> pd.DataFrame:
    """Return the rows that `params.texts` find, with their best similarity, the most similar first.

    `params.index` is a folder as LAION and clip-retrieval keep it: img_emb/img_emb_N.npy (a unit vector per row) beside
    metadata/metadata_N.parquet (columns url, caption, punsafe). The `params.expand` best rows are queries in their turn
    (paper section 8: text queries, then image queries).
    """
    from stages.common.models.clip import build
    from stages.common.models.embed import embed_texts

    parts = list(_parts(Path(params.index)))
    texts = embed_texts(build(params.model, params.pretrained, seed=0), params.texts, len(params.texts), "cpu")
    found = search(parts, texts, params.per_query)
    if params.expand and len(found):
        first = found.head(params.expand)
        places = zip(first.part, first.row, strict=True)
        vectors = np.stack([np.load(parts[part][0], mmap_mode="r")[row] for part, row in places])
        more = search(parts, np.asarray(vectors, np.float32), params.per_query)
        # Similarities between images are on another scale: such rows get the lowest one that a text found.
        lowest = float(found.similarity.min())
        found = pd.concat([found, more.assign(similarity=lowest)]).drop_duplicates(["part", "row"], ignore_index=True)
    return _described(parts, found)


def search(parts: list[tuple[Path, Path]], queries: Vectors, count: int) -> pd.DataFrame:
    """Return (part, row, similarity) of the `count` rows most similar to each query, each row once, best first."""
    best = []
    asked = _unit(queries)
    for number, (embeddings, _) in enumerate(parts):
        vectors = np.asarray(np.load(embeddings, mmap_mode="r"), np.float32)
        if vectors.shape[1] != queries.shape[1]:
            raise StageError(
                f"{embeddings}: {vectors.shape[1]} numbers a row, the model of sources.laion.queries gives "
                f"{queries.shape[1]}: use the model the index was made with"
            )
        cosine = asked @ _unit(vectors).T
        rows = np.argsort(-cosine, axis=1, kind="stable")[:, :count]
        found = {"part": number, "row": rows.ravel(), "similarity": np.take_along_axis(cosine, rows, 1).ravel()}
        best.append(pd.DataFrame({"query": np.repeat(np.arange(len(queries)), rows.shape[1]), **found}))
    table = pd.concat(best)
    table = table.sort_values(["similarity", "part", "row"], ascending=[False, True, True])
    table = table.groupby("query", sort=False).head(count)
    return table.drop_duplicates(["part", "row"], ignore_index=True)[["part", "row", "similarity"]]


def _unit(rows: Vectors) -> Vectors:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _parts(index: Path) -> Iterator[tuple[Path, Path]]:
    embeddings = sorted((index / "img_emb").glob("img_emb_*.npy"), key=lambda path: int(path.stem.split("_")[-1]))
    if not embeddings:
        raise StageError(f"sources.laion.queries.index: no img_emb/img_emb_*.npy in {index}")
    for path in embeddings:
        rows = index / "metadata" / path.name.replace("img_emb", "metadata").replace(".npy", ".parquet")
        if not rows.exists():
            raise StageError(f"{rows} not found: it says what the rows of {path} are")
        yield path, rows


def _described(parts: list[tuple[Path, Path]], found: pd.DataFrame) -> pd.DataFrame:
    """The address and caption of each row found, in LAION's names."""
    tables = []
    for number, group in found.groupby("part", sort=True):
        path = parts[int(str(number))][1]
        with named_damage(path):
            rows = pd.read_parquet(path)
        if len(rows) <= group.row.max():
            raise StageError(f"{path} has {len(rows)} rows, fewer than the vectors beside it: get both again")
        rows = rows.iloc[group.row].reset_index(drop=True)
        if missing := [name for name in ("url", "caption") if name not in rows.columns]:
            raise StageError(f"{path}: column '{missing[0]}' is missing")
        unsafe = rows["punsafe"] if "punsafe" in rows.columns else 0.0
        tables.append(rows.assign(similarity=group.similarity.to_numpy(), order=group.index, punsafe=unsafe))
    table = pd.concat(tables).sort_values("order")
    return table.rename(columns={"url": "URL", "caption": "TEXT"}).reset_index(drop=True)
