"""Tweets by id, from a loopback API."""

import json
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from loopback import Answers, serving

from stages.common.errors import StageError
from stages.sources import openpath
from stages.sources.hydrate import fill as hydrate


@pytest.fixture
def api():
    """Knows every tweet but 13; those of even id have a photo and a film. Its first answer is 429."""

    class Handler(Answers):
        def do_GET(self):
            parts = urlsplit(self.path)
            if parts.path.endswith(".jpg"):
                return self.give(b"a picture")
            if self.headers["Authorization"] != "Bearer secret":
                return self.send_error(401)
            self.server.asked["calls"] += 1
            if self.server.asked["calls"] == 1:
                self.send_response(429)
                self.send_header("x-rate-limit-reset", str(int(time.time()) + 600))
                self.send_header("Content-Length", "0")
                return self.end_headers()
            ids = parse_qs(parts.query)["ids"][0].split(",")
            self.server.asked["ids"] += len(ids)
            assert len(ids) <= 100
            return self.give(json.dumps(self.answer([one for one in ids if one != "13"])).encode())

        def answer(self, known):
            home = self.server.url
            media = [{"media_key": f"p{i}", "type": "photo", "url": f"{home}/{i}.jpg"} for i in known]
            media += [{"media_key": f"v{i}", "type": "video"} for i in known]
            data = [{"id": i, "text": f"A naevus, case {i}", "author_id": "u", "conversation_id": i} for i in known]
            for tweet in data:
                if int(tweet["id"]) % 2 == 0:
                    tweet["attachments"] = {"media_keys": [f"p{tweet['id']}", f"v{tweet['id']}"]}
            unavailable = [{"resource_id": "13", "title": "Not Found Error"}]
            return {
                "data": data,
                "includes": {"media": media, "users": [{"id": "u", "username": "ann"}]},
                "errors": unavailable,
            }

    with serving(Handler) as server:
        yield server


@pytest.fixture
def params(stage_params, api, tmp_path):
    found = stage_params("sources")
    place = {"folder": str(tmp_path), "api": api.url}
    laion = found.laion.model_copy(update={"private_addresses": True})
    return found.model_copy(update={"openpath": found.openpath.model_copy(update=place), "laion": laion})


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """What would have been slept, in seconds."""
    slept = []
    monkeypatch.setattr("stages.common.retry.time.sleep", slept.append)
    return slept


def test_ids_become_tweets_once_and_those_gone_say_so(tmp_path, params, api, monkeypatch, waits):
    monkeypatch.setenv("X_BEARER_TOKEN", "secret")
    pd.DataFrame({"tweet_id": range(150)}).to_csv(tmp_path / "tweets.csv", index=False)
    assert {one.drop for one in openpath.candidates(params)} == {"not_hydrated"}
    assert hydrate(params) == {"items": 150, "unavailable": 1}
    assert waits == [pytest.approx(600, abs=5)], "the API said when it listens again"
    assert api.asked["ids"] == 150
    found = {one.key: one for one in openpath.candidates(params)}
    assert (Path(found["4"].image).read_bytes(), found["4"].text) == (b"a picture", "A naevus, case 4")
    assert found["5"].drop == "missing_image"
    assert (found["13"].drop, found["13"].detail) == ("unavailable", "Not Found Error")
    assert hydrate(params)["items"] == 0
    assert api.asked["ids"] == 150


def test_rows_that_have_a_text_and_other_columns_stay(tmp_path, params, monkeypatch):
    monkeypatch.setenv("X_BEARER_TOKEN", "secret")
    columns = ["tweet_id", "text", "image", "user", "in_reply_to", "mine"]
    rows = [["8", "old", "a.jpg", "bob", "7", "x"], ["8", "old", "b.jpg", "bob", "7", "y"], ["9", "", "", "", "", "z"]]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "tweets.csv", index=False)
    assert hydrate(params)["items"] == 1
    after = pd.read_csv(tmp_path / "tweets.csv", dtype=str, keep_default_na=False)
    assert after[columns].to_numpy().tolist()[:2] == rows[:2]
    assert after[["text", "mine"]].to_numpy().tolist()[2] == ["A naevus, case 9", "z"]


@pytest.mark.parametrize("answer", [[], {"data": [{"id": "5"}]}, {"includes": None}, {"errors": [None]}])
def test_an_answer_of_another_form_is_one_line(tmp_path, params, monkeypatch, answer):
    monkeypatch.setenv("X_BEARER_TOKEN", "secret")
    monkeypatch.setattr("stages.sources.hydrate._tweets", lambda *arguments: answer)
    (tmp_path / "tweets.csv").write_text("tweet_id\n1\n")
    with pytest.raises(StageError, match="an answer of another form"):
        hydrate(params)


def test_a_key_is_asked_for_and_a_refusal_is_one_line(tmp_path, params, monkeypatch):
    monkeypatch.delenv("X_BEARER_TOKEN", raising=False)
    with pytest.raises(StageError, match="X_BEARER_TOKEN"):
        hydrate(params)
    monkeypatch.setenv("X_BEARER_TOKEN", "wrong")
    with pytest.raises(StageError, match="tweets.csv not found"):
        hydrate(params)
    (tmp_path / "tweets.csv").write_text("tweet_id\n1\n")
    with pytest.raises(StageError, match="status 401: run this again"):
        hydrate(params)


def test_ids_that_a_spreadsheet_rounded_are_not_asked_for(tmp_path, params, api, monkeypatch):
    monkeypatch.setenv("X_BEARER_TOKEN", "secret")
    (tmp_path / "tweets.csv").write_text("tweet_id\n1.5E+18\n 4\n")
    assert hydrate(params) == {"items": 1, "unavailable": 1}
    assert api.asked["ids"] == 1
    assert [(one.key, one.drop) for one in openpath.candidates(params)] == [("unnamed", "rounded_id"), ("4", "")]


def test_a_table_with_a_broken_row_is_not_written_over(tmp_path, params, monkeypatch):
    monkeypatch.setenv("X_BEARER_TOKEN", "secret")
    (tmp_path / "tweets.csv").write_text('tweet_id,text\n1,a, b\n2,"open\n')
    before = (tmp_path / "tweets.csv").read_bytes()
    with pytest.raises(StageError, match=r"tweets.csv: line 2: 3 cells, should be 2"):
        hydrate(params)
    assert (tmp_path / "tweets.csv").read_bytes() == before
