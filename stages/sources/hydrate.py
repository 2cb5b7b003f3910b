"""Texts and images of tweets of which only the ids are published, through the site's own API (paper section 8)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import write_bytes
from stages.common.data.reading import Damage, said
from stages.common.errors import StageError
from stages.sources.api import ask
from stages.sources.laion.download import download
from stages.sources.laion.session import open_session
from stages.sources.openpath import SEPARATOR, tweet_id
from stages.sources.openpath.rows import read_tweets
from stages.sources.params import Params

AT_ONCE = 100  # ids that the API takes
COLUMNS = ["tweet_id", "user", "lang", "text", "image", "conversation_id", "unavailable"]
FIELDS = {
    "expansions": "attachments.media_keys,author_id",
    "tweet.fields": "lang,conversation_id",
    "media.fields": "url,type",
    "user.fields": "username",
}


def fill(params: Params) -> dict[str, Any]:
    """Fill in the rows of the folder's tweets.csv that are ids alone, and fetch their images; return counts.

    Rows that have a text, several of a tweet among them, and columns of your own stay as they are. tweets.csv is
    written again after every hundred ids, so a later call resumes where this one stopped. A tweet that is deleted or
    protected keeps its row, with the API's word for it in the column `unavailable`. Raises StageError without a key,
    and where the API will not answer.
    """
    import requests
    from tqdm import tqdm

    openpath = params.openpath
    token = os.environ.get(openpath.token, "")
    if not token:
        raise StageError(f"sources.openpath: set the environment variable {openpath.token} to your key of the API")
    path = Path(openpath.folder) / "tweets.csv"
    columns, rows = read_tweets(path)
    if broken := [row.detail for row in rows if isinstance(row, Damage)]:
        raise StageError(f"{path}: {broken[0]}: put this right first, since the file will be written again")
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    table = table.reindex(columns=[*table.columns, *(name for name in COLUMNS if name not in table)], fill_value="")
    ids = table.tweet_id.map(tweet_id)
    table["tweet_id"] = ids.where(ids != "", table.tweet_id)
    table.loc[(ids == "") & (table.text == ""), "unavailable"] = "no id: spreadsheets round them"
    bare = (table.text == "") & (table.unavailable == "")
    known, asked = table[~bare], table[bare].drop_duplicates("tweet_id").set_index("tweet_id")
    waiting = asked.index.tolist()
    session, images = requests.Session(), open_session(params.laion.private_addresses)
    for begin in tqdm(range(0, len(waiting), AT_ONCE), desc="tweets", unit=f"x{AT_ONCE}"):
        ids = waiting[begin : begin + AT_ONCE]
        answer = _tweets(session, f"{openpath.api}/tweets", token, ids)
        try:
            rows = list(_answered_rows(answer, path.parent, images, params))
        except (AttributeError, KeyError, TypeError) as error:
            raise StageError(f"{openpath.api}: an answer of another form ({said(error)}): check the address") from None
        asked.update(pd.DataFrame(rows, columns=COLUMNS).drop_duplicates("tweet_id").set_index("tweet_id"))
        unanswered = [one for one in ids if not asked.text[one] and not asked.unavailable[one]]
        asked.loc[unanswered, "unavailable"] = "no answer"
        write_bytes(path, pd.concat([known, asked.reset_index()])[table.columns].to_csv(index=False).encode())
    return {
        "items": len(waiting),
        "unavailable": int((known.unavailable != "").sum() + (asked.unavailable != "").sum()),
    }


def _tweets(session: Any, url: str, token: str, ids: list[str]) -> dict[str, Any]:
    query, key = {"ids": ",".join(ids), **FIELDS}, {"Authorization": f"Bearer {token}"}
    return ask(url, lambda: session.get(url, params=query, headers=key, timeout=60), lambda answer: answer.json())


def _answered_rows(answer: dict[str, Any], folder: Path, session: Any, params: Params) -> Iterator[dict[str, str]]:
    """Rows of tweets.csv for what the API knows, and for what it says is unavailable."""
    more = answer.get("includes", {})
    media = {one["media_key"]: one for one in more.get("media", [])}
    users = {one["id"]: one["username"] for one in more.get("users", [])}
    for tweet in (one for one in answer.get("data", []) if tweet_id(one["id"])):  # it names files
        keys = tweet.get("attachments", {}).get("media_keys", [])
        urls = [media[key]["url"] for key in keys if media.get(key, {}).get("type") == "photo" and "url" in media[key]]
        yield {
            "tweet_id": tweet["id"],
            "user": users.get(tweet.get("author_id"), ""),
            "lang": tweet.get("lang", ""),
            "text": tweet["text"],
            "conversation_id": tweet.get("conversation_id", ""),
            "image": SEPARATOR.join(_images(tweet["id"], urls, folder, session, params)),
        }
    for error in answer.get("errors", []):
        if error.get("resource_id"):
            yield {"tweet_id": error["resource_id"], "unavailable": error.get("title", "error")}


def _images(tweet: str, urls: list[str], folder: Path, session: Any, params: Params) -> Iterator[str]:
    """Names of the image files of one tweet, with those that could not be fetched: they count as missing later."""
    for number, url in enumerate(urls):
        name = f"images/{tweet}_{number}"
        found = download(session, url, params.laion, params.laion.private_addresses)
        if not found.reason:
            write_bytes(folder / name, found.data)
        yield name
