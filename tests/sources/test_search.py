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
def ncbi(monkeypatch):
    """A server that searches and lists FILES two at a time; its first answer to each search is 429. It may be asked
    as often as one likes."""
    for limit in ("WITH_KEY", "WITHOUT_KEY"):
        monkeypatch.setattr(f"stages.sources.search.{limit}", 1000)
    monkeypatch.setattr("stages.sources.api.FIRST_S", 0.01)

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
                if "cut short" in query["term"]:
                    return self.give(json.dumps({"esearchresult": {"count": "3", "idlist": ["11"]}}).encode())
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
def params(stage_params, ncbi):
    home = ncbi.url
    more = {"entrez": f"{home}/entrez", "articles": f"{home}/bucket", "email": "a@b.c"}
    return stage_params("sources").pubmed.search.model_copy(update={"keywords": ["carcinoma", "naevus"], **more})


def test_the_latest_version_of_what_keywords_find_is_fetched_once(tmp_path, params, ncbi, monkeypatch):
    monkeypatch.setenv("NCBI_API_KEY", "k1")
    assert search_and_fetch(params, tmp_path) == {"items": 3, "fetched": 3, "missing": 1}
    assert sorted(path.name for path in (tmp_path / "PMC11").iterdir()) == ["PMC11.2.xml", "f1.jpg"]
    assert (tmp_path / "PMC111" / "PMC111.1.xml").read_bytes() == b"<another/>"
    known = json.loads((tmp_path / "articles.json").read_text())
    assert known["PMC11"] == {"keywords": ["carcinoma", "naevus"], "missing": False}
    assert known["PMC12"]["missing"]
    assert ncbi.asked["key k1"] == 2
    term = "(naevus) AND open access[filter] AND 2010:2022[pdat]"
    assert ncbi.asked[term] == 2
    before = ncbi.asked.total()
    assert search_and_fetch(params, tmp_path)["fetched"] == 0
    assert ncbi.asked.total() == before


def test_ncbi_wants_an_address_and_a_server_that_is_down_is_named(tmp_path, params):
    with pytest.raises(StageError, match="sources.pubmed.search.email"):
        search_and_fetch(params.model_copy(update={"email": ""}), tmp_path)
    with pytest.raises(StageError, match="missing/esearch.fcgi: status 404: run this again"):
        search_and_fetch(params.model_copy(update={"entrez": params.entrez + "/missing", "keywords": ["x"]}), tmp_path)


def questions(ncbi):
    """How often each term was asked and answered."""
    return {term: count - 1 for term, count in ncbi.asked.items() if "[pdat]" in term}


def test_what_a_list_rests_on_makes_it_be_asked_again(tmp_path, params, ncbi):
    only = params.model_copy(update={"keywords": ["carcinoma"]})
    search_and_fetch(only, tmp_path)
    assert sum(questions(ncbi).values()) == 1
    assert search_and_fetch(only.model_copy(update={"last_year": 2026}), tmp_path)["fetched"] == 0
    assert questions(ncbi)["(carcinoma) AND open access[filter] AND 2010:2026[pdat]"] == 1
    search_and_fetch(only.model_copy(update={"last_year": 2026, "per_keyword": 1}), tmp_path)
    assert questions(ncbi)["(carcinoma) AND open access[filter] AND 2010:2026[pdat]"] == 2
    search_and_fetch(params, tmp_path)
    assert questions(ncbi)["(naevus) AND open access[filter] AND 2010:2022[pdat]"] == 1
    assert json.loads((tmp_path / "articles.json").read_text())["PMC11"]["keywords"] == ["carcinoma", "naevus"]


def test_articles_that_only_an_earlier_search_found_stay_and_are_told_of(tmp_path, params, caplog):
    search_and_fetch(params, tmp_path)
    counts = search_and_fetch(params.model_copy(update={"keywords": ["carcinoma"]}), tmp_path)
    assert counts == {"items": 2, "fetched": 0, "missing": 1}
    assert (tmp_path / "PMC111").is_dir()
    assert "1 articles that only earlier searches found stay there" in caplog.text


def test_a_list_that_was_broken_off_is_asked_for_anew(tmp_path, params, ncbi):
    (tmp_path / "articles.json").write_text(json.dumps({"PMC11": {"keywords": ["naevus"], "missing": False}}))
    search_and_fetch(params.model_copy(update={"keywords": ["naevus"]}), tmp_path)
    assert (tmp_path / "PMC111").is_dir(), "the list had one article more"
    with pytest.raises(StageError, match="1 of 3 articles for 'cut short': run this again"):
        search_and_fetch(params.model_copy(update={"keywords": ["cut short"]}), tmp_path)
    assert "cut short" not in json.loads((tmp_path / "searches.json").read_text())
