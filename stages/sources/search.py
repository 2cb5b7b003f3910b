"""Find open-access articles with E-utilities and fetch their files from PMC's public bucket (paper section 8)."""

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError, fromstring

from stages.common.data.files import read_json, write_bytes, write_json
from stages.common.errors import StageError
from stages.sources.api import ask
from stages.sources.params import Params, Search
from stages.sources.pubmed.packages import ARTICLE, GRAPHICS, MAX_BYTES

WITHOUT_KEY, WITH_KEY = 3, 10  # requests a second that NCBI allows
TOOL = "quilt1m-pipeline"
FOUND, ASKED = "articles.json", "searches.json"
QUESTION = ("first_year", "last_year", "per_keyword")  # parameters on which a keyword's list depends
T = TypeVar("T")
S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


log = logging.getLogger(__name__)


def fill(params: Params) -> dict[str, Any]:
    """Put the articles that sources.pubmed.search asks for into sources.pubmed.folder."""
    return search_and_fetch(params.pubmed.search, Path(params.pubmed.folder))


def search_and_fetch(params: Search, folder: Path) -> dict[str, Any]:
    """Put the files of every article that the keywords find into `folder`/PMCID; go on where an earlier call stopped.

    `folder`/articles.json keeps for each article the keywords that found it and, where it has no files in the open
    archive, `missing`; searches.json keeps what was asked for each keyword, once its list is whole. Raises StageError
    without an e-mail address, which NCBI asks for, or when NCBI cannot be had.
    """
    from tqdm import tqdm

    if not params.email:
        raise StageError("sources.pubmed.search.email: NCBI asks for an address to reach you at: set it")
    client = Client(params)
    known, asked = (read_json(path) if (path := folder / name).exists() else {} for name in (FOUND, ASKED))
    for keyword in tqdm(params.keywords, desc="keywords", unit="keyword"):
        question = params.model_dump(include=set(QUESTION))
        if asked.get(keyword) == question:
            continue
        _note(known, keyword, client.articles(keyword))
        write_json(folder / FOUND, known)
        write_json(folder / ASKED, asked := asked | {keyword: question})
    found = {name for name, record in known.items() if set(record["keywords"]) & set(params.keywords)}
    if others := sum((folder / name).is_dir() for name in set(known) - found):
        log.warning("%s: %d articles that only earlier searches found stay there", folder, others)
    waiting = [name for name in sorted(found) if not (folder / name).is_dir() and not known[name]["missing"]]
    for pmcid in tqdm(waiting, desc="articles", unit="article"):
        known[pmcid]["missing"] = not client.fetch(pmcid, folder)
        if known[pmcid]["missing"]:
            write_json(folder / FOUND, known)
    return {"items": len(found), "fetched": len(waiting), "missing": sum(known[name]["missing"] for name in found)}


def _note(known: dict[str, Any], keyword: str, found: Iterable[str]) -> None:
    """Make `keyword` one of those that found the articles `found`, and no others."""
    for record in known.values():
        record["keywords"] = [one for one in record["keywords"] if one != keyword]
    for pmcid in found:
        known.setdefault(pmcid, {"keywords": [], "missing": False})["keywords"].append(keyword)


class Client:
    """NCBI's search and PMC's bucket, within NCBI's rate limit, with retries after failures that may be temporary."""

    def __init__(self, params: Search) -> None:
        import requests

        self._params = params
        self._key = os.environ.get(params.key, "")
        self._wait = 1 / (WITH_KEY if self._key else WITHOUT_KEY)
        self._last = 0.0
        self._session = requests.Session()

    def articles(self, keyword: str) -> list[str]:
        """PMCIDs of open-access articles of the years asked for, the most relevant first.

        Raises StageError for a list that is shorter than NCBI says it is.
        """
        params = self._params
        term = f"({keyword}) AND open access[filter] AND {params.first_year}:{params.last_year}[pdat]"
        query = {"db": "pmc", "term": term, "retmax": params.per_keyword, "retmode": "json", "sort": "relevance"}
        query |= {"tool": TOOL, "email": params.email} | ({"api_key": self._key} if self._key else {})
        answer = self._get(f"{params.entrez}/esearch.fcgi", query, lambda one: one.json())
        found = answer.get("esearchresult", {})
        if "idlist" not in found:
            raise StageError(f"{params.entrez}: no list of articles for '{keyword}': {str(answer)[:200]}")
        if len(found["idlist"]) < min(int(found.get("count", 0)), params.per_keyword):
            raise StageError(
                f"{params.entrez}: {len(found['idlist'])} of {found['count']} articles for '{keyword}': run this again"
            )
        return [f"PMC{number}" for number in found["idlist"] if re.fullmatch(r"\d+", str(number))]

    def fetch(self, pmcid: str, folder: Path) -> bool:
        """Put the article and graphics of the latest version of `pmcid` into `folder`; False where there are none."""
        files = list(self._files(pmcid))
        versions = {int(number) for key in files if (number := _version(key, pmcid))}
        wanted = [key for key in files if versions and _version(key, pmcid) == str(max(versions))]
        if not any(key.lower().endswith(ARTICLE) for key in wanted):
            return False
        part = folder / f".{pmcid}.part"
        for key in wanted:
            path = part / Path(key).name
            if key.lower().endswith((*ARTICLE, *GRAPHICS)) and not path.exists():
                write_bytes(path, self._get(f"{self._params.articles}/{key}", {}, _bytes))
        part.replace(folder / pmcid)
        return True

    def _files(self, pmcid: str) -> Iterator[str]:
        """Keys of all files of an article, from the bucket's listing."""
        query = {"list-type": "2", "prefix": f"{pmcid}."}
        while True:
            answer = self._get(self._params.articles, query, _bytes)
            try:
                listing = fromstring(answer)
            except ParseError as error:
                raise StageError(f"{self._params.articles}: no listing of a bucket: {error}") from None
            for entry in listing.iter(f"{S3}Contents"):
                if int(entry.findtext(f"{S3}Size") or 0) <= MAX_BYTES:
                    yield entry.findtext(f"{S3}Key") or ""
            if not (token := listing.findtext(f"{S3}NextContinuationToken")):
                return
            query["continuation-token"] = token

    def _get(self, url: str, query: dict[str, Any], read: Callable[[Any], T]) -> T:
        def send() -> Any:
            time.sleep(max(0.0, self._last + self._wait - time.monotonic()))
            self._last = time.monotonic()
            return self._session.get(url, params=query, timeout=60)

        return ask(url, send, read)


def _bytes(answer: Any) -> bytes:
    data: bytes = answer.content
    return data


def _version(key: str, pmcid: str) -> str:
    """The version in a key like PMC123.2/PMC123.2.xml, "" where it is another's."""
    found = re.match(rf"{pmcid}\.(\d+)/", key)
    return found.group(1) if found else ""
