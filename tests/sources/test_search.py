"""Search and fetch against a loopback NCBI."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from loopback import Answers, serving

from stages.common.errors import StageError
from stages.sources.search import search_and_fetch

FILES = {
    "PMC11.1/PMC11.1.xml": b"<old/>",
    "PMC11.2/PMC11.2.xml": b"<article/>",
    "PMC11.2/f1.jpg": b"picture",
    "PMC11.2/PMC11.2.pdf": b"no use",
    "PMC111.1/PMC111.1.xml": b"<another/>",
}


@pytest.fixture
def ncbi():
    """A server that searches and lists FILES two at a time; its first answer to each search is 429."""

    class Handler(Answers):
        def do_GET(self):
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            self.server.asked[parts.path] += 1
            if parts.path == "/entrez/esearch.fcgi":
                self.server.asked[query["term"]] += 1
                if self.server.asked[query["term"]] == 1:
                    return self.send_error(429)
                self.server.asked["key " + query.get("api_key", "")] += 1
                found = ["11", "12"] if "carcinoma" in query["term"] else ["11", "111"]
                return self.give(json.dumps({"esearchresult": {"idlist": found[: int(query["retmax"])]}}).encode())
            if parts.path == "/bucket":
                keys = [key for key in sorted(FILES) if key.startswith(query["prefix"])]
                begin = int(query.get("continuation-token", 0))
                entries = "".join(
                    f"<Contents><Key>{key}</Key><Size>{len(FILES[key])}</Size></Contents>"
                    for key in keys[begin : begin + 2]
                )
                more = f"<NextContinuationToken>{begin + 2}</NextContinuationToken>" if keys[begin + 2 :] else ""
                space = "http://s3.amazonaws.com/doc/2006-03-01/"
                return self.give(f'<ListBucketResult xmlns="{space}">{entries}{more}</ListBucketResult>'.encode())
            name = parts.path.removeprefix("/bucket/")
            return self.give(FILES[name]) if name in FILES else self.send_error(404)

    with serving(Handler) as server:
        yield server


@pytest.fixture
def block(params, ncbi):
    home = ncbi.url
    more = {"entrez": f"{home}/entrez", "articles": f"{home}/bucket", "email": "a@b.c"}
    return params("sources").pubmed.search.model_copy(update={"keywords": ["carcinoma", "naevus"], **more})


def test_the_latest_version_of_what_keywords_find_is_fetched_once(tmp_path, block, ncbi, monkeypatch):
    monkeypatch.setenv("NCBI_API_KEY", "k1")
    assert search_and_fetch(block, tmp_path) == {"items": 3, "fetched": 3, "missing": 1}
    assert sorted(path.name for path in (tmp_path / "PMC11").iterdir()) == ["PMC11.2.xml", "f1.jpg"]
    assert (tmp_path / "PMC111" / "PMC111.1.xml").read_bytes() == b"<another/>"
    known = json.loads((tmp_path / "articles.json").read_text())
    assert known["PMC11"] == {"keywords": ["carcinoma", "naevus"], "missing": False}
    assert known["PMC12"]["missing"]
    assert ncbi.asked["key k1"] == 2
    term = "(naevus) AND open access[filter] AND 2010:2022[pdat]"
    assert ncbi.asked[term] == 2
    before = ncbi.asked.total()
    assert search_and_fetch(block, tmp_path)["fetched"] == 0
    assert ncbi.asked.total() == before


def test_ncbi_wants_an_address_and_a_server_that_is_down_is_named(tmp_path, block):
    with pytest.raises(StageError, match="sources.pubmed.search.email"):
        search_and_fetch(block.model_copy(update={"email": ""}), tmp_path)
    with pytest.raises(StageError, match="missing/esearch.fcgi: status 404: run this again"):
        search_and_fetch(block.model_copy(update={"entrez": block.entrez + "/missing", "keywords": ["x"]}), tmp_path)
