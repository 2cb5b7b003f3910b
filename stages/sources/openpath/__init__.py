"""OpenPath: tweets of pathologists, their text without addresses, mentions and emoji."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from stages.common.data.reading import Damage
from stages.common.errors import StageError
from stages.common.text.characters import one_line, plain_signs, unescaped, without_pictures
from stages.sources.candidate import Candidate
from stages.sources.openpath.rows import Row, read_tweets, tweets_file
from stages.sources.params import Params

COLUMNS = ("tweet_id", "user", "text", "image")
THREAD = ("conversation_id", "in_reply_to", "user", "tweet_id")  # columns that group tweets, by the first with a value
SEPARATOR = ";"  # between several images of one tweet
# Codes of the site for what it could not tell; short tweets with many terms from Latin are "la".
UNKNOWN_LANGUAGES = ("", "und", "qam", "qct", "qht", "qme", "qst", "zxx", "art", "la")
ID = re.compile(r"=?['\"\s]*(?:https?://\S+/status(?:es)?/)?([0-9]{1,20})(?:[/?#]\S*)?['\"\s]*")
AS_A_NUMBER = re.compile(r"\s*[0-9]+(?:[.,][0-9]*)?(?:e\+?[0-9]+)?\s*", re.I)  # as spreadsheets write: digits are lost
ADDRESS = re.compile(r"https?://\S+|(?:www|pic\.twitter)\.\S+|\bt\.co/\S+|[\w.+-]+@\w[\w-]*\.[\w.-]*\w", re.I)
MENTION = re.compile(r"^RT @\w+:\s*|(?<!\w)@(?!\d+x?\b)\w+", re.I)  # "@40x" is a magnification
CAPITALISED = re.compile(r"[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+")  # SkinCancer, but not SARSCoV2


def candidates(params: Params) -> Iterator[Candidate]:
    """Yield one candidate per image of tweets.csv, or of a table of another kind that has this name (columns COLUMNS;
    `lang` and those of THREAD where there are any; image paths relative to it, several ones with ";" between them).

    A list of ids alone, as it was published, has neither text nor image: its rows are not_hydrated (`hydrate` asks the
    site for them, and says which are unavailable).
    """
    path = tweets_file(Path(params.openpath.folder))
    columns, rows = read_tweets(path)
    if set(columns) & {"text", "image"} and (missing := [name for name in COLUMNS if name not in columns]):
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    for row in rows:
        if isinstance(row, Damage):
            yield Candidate("unnamed", "unnamed", b"", "", path.name, drop=row.reason, detail=row.detail)
        else:
            yield from _tweet(row, path.parent, params)


def _tweet(row: Row, folder: Path, params: Params) -> Iterator[Candidate]:
    tweet = tweet_id(row["tweet_id"])
    if not tweet:
        drop = "rounded_id" if AS_A_NUMBER.fullmatch(row["tweet_id"]) else "no_id"
        yield Candidate("unnamed", "unnamed", b"", "", "", drop=drop, detail=row["tweet_id"])
        return
    group = next((row[name] for name in THREAD if row.get(name)), tweet)
    if "image" not in row or row.get("unavailable"):
        drop, detail = ("unavailable", row["unavailable"]) if row.get("unavailable") else ("not_hydrated", "")
        yield Candidate(tweet, group, b"", "", f"tweet {tweet}", drop=drop, detail=detail)
        return
    other = _is_other_language(row.get("lang", ""), params.languages)
    for image in row["image"].split(SEPARATOR):
        found = _image_file(folder, image.strip().replace("\\", "/"))
        drop = "language" if other else "" if found else "missing_image"
        yield Candidate(tweet, group, found, clean(row["text"]), f"tweet {tweet}", drop=drop, detail=image)


def tweet_id(cell: str) -> str:
    """The id in a cell: digits, or the address of a tweet; "" where there is none, or a spreadsheet has rounded it."""
    match = ID.fullmatch(cell)
    return match[1] if match else ""


def _is_other_language(code: str, languages: list[str]) -> bool:
    """Whether the site is sure of a language that is not wanted; of the rest the text is asked later."""
    code = re.split("[-_]", code.strip().lower())[0]
    return bool(languages) and code not in UNKNOWN_LANGUAGES and code not in languages


def _image_file(folder: Path, name: str) -> str:
    """The file at the path `name` below `folder`; "" where there is none, or the path leads out. Links are followed:
    whoever has the folder made them."""
    path = Path(os.path.normpath(folder / name))
    try:
        return str(path) if path.is_relative_to(os.path.normpath(folder)) and path.is_file() else ""
    except (OSError, ValueError):  # a name that no file can have
        return ""


def clean(text: str) -> str:
    """Drop addresses, mentions and emoji, keep hashtags as words, write signs as keyboards have them, join lines."""
    text = MENTION.sub(" ", ADDRESS.sub(" ", unescaped(text)))
    text = re.sub(r"#(\w+)", lambda tag: _as_words(tag[1]), text)
    return one_line(without_pictures(plain_signs(text)))


def _as_words(hashtag: str) -> str:
    """A hashtag's words: `SkinCancer` and `skin_cancer` as skin cancer, the rest as it is."""
    words = hashtag.replace("_", " ")
    if CAPITALISED.fullmatch(hashtag):
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", hashtag)
    return words.lower() if " " in words else words
