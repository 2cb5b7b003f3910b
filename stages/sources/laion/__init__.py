"""LAION: images fetched from the addresses in a parquet, or from those that queries find in an index."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.reading import named_damage
from stages.common.errors import StageError
from stages.common.paths import DOWNLOADS_DIR
from stages.sources.candidate import Candidate
from stages.sources.laion.download import Download, download_all
from stages.sources.laion.mirror import mirrored
from stages.sources.laion.retrieval import retrieve
from stages.sources.params import Laion, Params

SCORES = ("similarity", "punsafe")
COLUMNS = ("URL", "TEXT", *SCORES)


def candidates(params: Params, cache: Path = DOWNLOADS_DIR) -> Iterator[Candidate]:
    """Yield one candidate per row, in order; a row that was not fetched says why in its drop reason. A
    killed run resumes from `cache`."""
    laion = params.laion
    table = _read_rows(laion)
    wanted = [not _unwanted(row, laion) for row in table.to_dict("records")]
    mirror = Path(laion.folder) / "mirror"
    with mirrored(mirror) as rewrite, tempfile.TemporaryDirectory() as scratch:
        # Another demo world has other images under the same addresses: what a mirror gives is not kept.
        cache = Path(scratch) if mirror.is_dir() else cache
        urls = [(url, rewrite(url)) for url in table.URL[wanted]]
        fetched = download_all(urls, laion, cache, laion.private_addresses or mirror.is_dir())
        for number, row in enumerate(table.to_dict("records")):
            drop = _unwanted(row, laion)
            found = Download(b"", drop) if drop else next(fetched)
            key = f"{number:08d}"
            yield Candidate(key, key, found.data, row["TEXT"], row["URL"], "", found.reason, found.detail)


def _read_rows(laion: Laion) -> pd.DataFrame:
    path = Path(laion.folder) / "laion.parquet"
    if laion.queries.index:
        table = retrieve(laion.queries)
    elif path.exists():
        with named_damage(path):
            table = pd.read_parquet(path)
    else:
        raise StageError(f"sources.laion.folder: {path} not found")
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    for name in SCORES:
        values = table[name]
        if not (pd.api.types.is_numeric_dtype(values) or values.isna().all()):
            raise StageError(f"{path}: column '{name}' is {_type_of(values)}, should be numbers")
    table = table[list(COLUMNS)].astype({"URL": str, "TEXT": str} | dict.fromkeys(SCORES, float))
    return table.drop_duplicates("URL", ignore_index=True)


def _type_of(values: pd.Series) -> str:
    """The type of the first value that is there, for a message."""
    return type(values.dropna().iloc[0]).__name__


def _unwanted(row: dict[str, Any], laion: Laion) -> str:
    """Why a row is not fetched, or "". One without a similarity is not wanted; one without `punsafe` counts as safe."""
    if not row["similarity"] >= laion.min_similarity:
        return "low_similarity"
    return "unsafe" if row["punsafe"] > laion.max_unsafe else ""
