"""OpenPath: tweets of pathologists, their words without what only Twitter needs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from stages.common.errors import StageError
from stages.sources.candidate import Candidate
from stages.sources.params import Openpath

COLUMNS = ("tweet_id", "user", "lang", "text", "image")


def candidates(block: Openpath) -> Iterator[Candidate]:
    """Yield one candidate per row of tweets.csv in `block.folder` (columns COLUMNS; image paths relative to it)."""
    path = Path(block.folder) / "tweets.csv"
    if not path.exists():
        raise StageError(f"sources.openpath.folder: {path} not found")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    for row in table.itertuples():
        image = path.parent / row.image
        inside = image.resolve().is_relative_to(path.parent.resolve())
        data = image.read_bytes() if inside and image.is_file() else b""
        drop = "language" if block.languages and row.lang not in block.languages else ""
        key = re.sub(r"\D", "", row.tweet_id)
        yield Candidate(key, row.user, data, clean(row.text), f"tweet {key}", drop=drop)


def clean(text: str) -> str:
    """Drop addresses and mentions, keep hashtags as words, drop what is not text, join lines."""
    text = re.sub(r"https?://\S+|(?<!\w)@\w+", " ", text)
    text = re.sub(r"#(\w+)", r"\1", text)
    text = re.sub(r"[^\w\s.,;:!?()&/%+'\"-]", " ", text)
    return re.sub(r"\s+", " ", text).strip()
