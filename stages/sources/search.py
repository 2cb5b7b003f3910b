"""Find open-access articles with E-utilities and fetch their files from PMC's public bucket (paper section 8)."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, fromstring

from stages.common.errors import StageError
from stages.common.files import read_json, write_bytes, write_json
from stages.sources.packages import ARTICLE, GRAPHICS, MAX_BYTES
from stages.sources.params import Search

WITHOUT_KEY, WITH_KEY = 3, 10  # requests a second that NCBI allows
TOOL = "quilt1m-pipeline"
RETRIES = 5
FOUND = "articles.json"
S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def search_and_fetch(block: Search, folder: Path) -> dict[str, Any]:
    """Put the files of every article that the keywords find into `folder`/PMCID; go on where an earlier call stopped.

    `folder`/articles.json keeps for each article the keywords that found it and, where it has no files in the open
    archive, `missing`. Raises StageError without an e-mail address, which NCBI asks for, or when NCBI cannot be had.
    """
    from tqdm import tqdm

    if not block.email:
        raise StageError("sources.pubmed.search.email: NCBI asks for an address to reach you at: set it")
    client = Client(block)
    known = read_json(folder / FOUND) if (folder / FOUND).exists() else {}
    for keyword in tqdm(block.keywords, desc="keywords", unit="keyword"):
        if any(keyword in record["keywords"] for record in known.values()):
            continue
        for pmcid in client.articles(keyword):
            known.setdefault(pmcid, {"keywords": [], "missing": False})["keywords"].append(keyword)
        write_json(folder / FOUND, known)
    waiting = [name for name in sorted(known) if not (folder / name).is_dir() and not known[name]["missing"]]
    for pmcid in tqdm(waiting, desc="articles", unit="article"):
        known[pmcid]["missing"] = not client.fetch(pmcid, folder)
        if known[pmcid]["missing"]:
            write_json(folder / FOUND, known)
    return {"items": len(known), "fetched": len(waiting), "missing": sum(one["missing"] for one in known.values())}


class Client:
    """NCBI's search and PMC's bucket, within NCBI's rate limit, again with back-off where a failure may pass."""

    def __init__(self, block: Search) -> None:
        import requests

        self._block = block
        self._key = os.environ.get(block.key, "")
        self._wait = 1 / (WITH_KEY if self._key else WITHOUT_KEY)
        self._last = 0.0
        self._session = requests.Session()

    def articles(self, keyword: str) -> list[str]:
        """PMCIDs of open-access articles of the years asked for, the most relevant first."""
        block = self._block
        term = f"({keyword}) AND open access[filter] AND {block.first_year}:{block.last_year}[pdat]"
        query = {"db": "pmc", "term": term, "retmax": block.per_keyword, "retmode": "json", "sort": "relevance"}
        query |= {"tool": TOOL, "email": block.email} | ({"api_key": self._key} if self._key else {})
        answer = self._get(f"{block.entrez}/esearch.fcgi", query).json()
        found = answer.get("esearchresult", {})
        if "idlist" not in found:
            raise StageError(f"{block.entrez}: no list of articles for '{keyword}': {str(answer)[:200]}")
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
                write_bytes(path, self._get(f"{self._block.articles}/{key}", {}).content)
        part.replace(folder / pmcid)
        return True

    def _files(self, pmcid: str) -> Iterator[str]:
        """Keys of all files of an article, from the bucket's listing."""
        query = {"list-type": "2", "prefix": f"{pmcid}."}
        while True:
            answer = self._get(self._block.articles, query)
            try:
                listing = fromstring(answer.content)
            except ParseError as error:
                raise StageError(f"{self._block.articles}: no listing of a bucket: {error}") from None
            for entry in listing.iter(f"{S3}Contents"):
                if int(entry.findtext(f"{S3}Size") or 0) <= MAX_BYTES:
                    yield entry.findtext(f"{S3}Key") or ""
            if not (token := listing.findtext(f"{S3}NextContinuationToken")):
                return
            query["continuation-token"] = token

    def _get(self, url: str, query: dict[str, Any]) -> Any:
        import requests

        problem = ""
        for attempt in range(RETRIES):
            time.sleep(max(0.0, self._last + self._wait - time.monotonic()))
            self._last = time.monotonic()
            try:
                answer = self._session.get(url, params=query, timeout=60)
                if answer.status_code == 200:
                    return answer
                problem = f"status {answer.status_code}"
                if answer.status_code < 500 and answer.status_code != 429:
                    break
            except requests.RequestException as error:
                problem = str(error)
            time.sleep(min(60.0, 0.5 * 2**attempt))
        raise StageError(f"{url}: {problem}: run this again, it goes on where it stopped")


def _version(key: str, pmcid: str) -> str:
    """The version in a key like PMC123.2/PMC123.2.xml, "" where it is another's."""
    found = re.match(rf"{pmcid}\.(\d+)/", key)
    return found.group(1) if found else ""
