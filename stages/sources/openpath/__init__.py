"""OpenPath: tweets of pathologists, their text without addresses, mentions and emoji."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.errors import StageError
from stages.sources.candidate import Candidate
from stages.sources.params import Params

COLUMNS = ("tweet_id", "user", "text", "image")
THREAD = ("conversation_id", "in_reply_to", "user", "tweet_id")  # columns that group tweets, by the first with a value
SEPARATOR = ";"  # between several images of one tweet


def candidates(params: Params) -> Iterator[Candidate]:
    """Yield one candidate per image of tweets.csv (columns COLUMNS; `lang` and those of THREAD where there are any;
    image paths relative to it, several ones with ";" between them).

    A list of ids alone, as it was published, has neither text nor image: its rows are not_hydrated (`hydrate` asks the
    site for them, and says which are unavailable).
    """
    path = Path(params.openpath.folder) / "tweets.csv"
    if not path.exists():
        raise StageError(f"sources.openpath.folder: {path} not found")
    table = pd.read_csv(path, dtype=str, keep_default_na=False, on_bad_lines="skip", encoding_errors="replace")
    if "tweet_id" not in table.columns:
        raise StageError(f"{path}: column 'tweet_id' is missing")
    if set(table.columns) & {"text", "image"} and (missing := [name for name in COLUMNS if name not in table.columns]):
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    for row in table.to_dict("records"):
        yield from _tweet(row, path.parent, params)


def _tweet(row: dict[str, Any], folder: Path, params: Params) -> Iterator[Candidate]:
    tweet = re.sub(r"\D", "", row["tweet_id"])
    if not tweet:
        yield Candidate("unnamed", "unnamed", b"", "", "", drop="no_id", detail=str(row["tweet_id"]))
        return
    group = next((row[name] for name in THREAD if row.get(name)), tweet)
    if "image" not in row or row.get("unavailable"):
        drop, detail = ("unavailable", row["unavailable"]) if row.get("unavailable") else ("not_hydrated", "")
        yield Candidate(tweet, group, b"", "", f"tweet {tweet}", drop=drop, detail=detail)
        return
    other = row.get("lang") and params.languages and row["lang"] not in params.languages
    for image in row["image"].split(SEPARATOR) or [""]:
        data = _read_image(folder, image.strip())
        drop = "language" if other else "" if data else "missing_image"
        yield Candidate(tweet, group, data, clean(row["text"]), f"tweet {tweet}", drop=drop, detail=image)


def _read_image(folder: Path, name: str) -> bytes:
    """The file `name` below `folder`; b"" where there is none, or where it is not below."""
    path = (folder / name).resolve()
    return path.read_bytes() if path.is_relative_to(folder.resolve()) and path.is_file() else b""


def clean(text: str) -> str:
    """Drop addresses and mentions, keep hashtags as words, drop what is not text, join lines."""
    text = html.unescape(text)
    text = re.sub(r"^RT @\w+:\s*|https?://\S+|(?<!\w)@\w+", " ", text)
    text = re.sub(r"#(\w+)", lambda tag: _as_words(tag.group(1)), text)
    text = re.sub(r"[^\w\s.,;:!?()&/%+<>='\"-]", " ", text)
    return re.sub(r"\s+", " ", text).strip()


def _as_words(hashtag: str) -> str:
    """A hashtag's words: `SkinCancer` and `skin_cancer` as skin cancer, the rest as it is."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", hashtag.replace("_", " "))
    return words.lower() if " " in words else words
