"""Retries, against a loopback server that sets Retry-After."""

import time
from email.utils import formatdate

import pytest
import requests
from loopback import Answers, serving

from stages.common.errors import Failed, StageError
from stages.common.retry import TemporaryError, retried, retry_after


@pytest.fixture
def waits(monkeypatch):
    """What would have been slept, in seconds."""
    slept = []
    monkeypatch.setattr("stages.common.retry.time.sleep", slept.append)
    return slept


@pytest.fixture
def busy():
    """A server that is always busy; /PATH sets Retry-After to PATH, /date to an hour from now."""

    class Handler(Answers):
        def do_GET(self):
            self.server.asked[self.path] += 1
            asked = self.path.strip("/")
            self.send_response(429)
            self.send_header("Retry-After", formatdate(time.time() + 3600, usegmt=True) if asked == "date" else asked)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as server:
        yield server


@pytest.mark.parametrize(("path", "wait"), [("7", 7), ("date", 3600), ("soon", 0), ("-5", 0), ("", 0)])
def test_a_server_says_how_long_to_wait_in_seconds_or_as_a_date(busy, path, wait):
    assert retry_after(requests.get(f"{busy.url}/{path}", timeout=5).headers) == pytest.approx(wait, abs=2)


def test_waits_double_or_are_what_was_asked_for_within_a_bound_and_none_follows_the_last_try(waits):
    asked = iter([0, 9, 0, 99, 5])

    def task():
        raise TemporaryError("busy", wait_s=next(asked))

    with pytest.raises(TemporaryError):
        retried(task, tries=5, first_s=1.0, longest_s=30.0)
    assert waits == [1, 9, 4, 30]


def test_what_passes_is_not_tried_further_and_other_errors_not_again(waits):
    left = iter([TemporaryError("busy"), None])

    def task():
        if problem := next(left):
            raise problem
        return "made"

    assert retried(task, 5, 0.5, 1.0) == "made"
    assert waits == [0.5]
    with pytest.raises(ZeroDivisionError):
        retried(lambda: 1 // 0, 5, 0.5, 1.0)
    assert waits == [0.5]


def test_every_client_of_ours_waits_as_long_as_it_is_asked_to(busy, waits, stage_params, tmp_path):
    """Images, services and videos: 7 s before each further try, none after the last."""
    import yt_dlp

    from stages.sources.api import TRIES, ask
    from stages.sources.laion.download import download
    from stages.videos.site import attempt

    laion = stage_params("sources").laion.model_copy(update={"retries": 2})
    assert download(requests.Session(), f"{busy.url}/7", laion, private=True).reason == "http_429"
    assert waits == [7, 7]
    url = f"{busy.url}/7?"
    with pytest.raises(StageError, match="status 429: run this again"):
        ask(url, lambda: requests.get(url, timeout=5), bytes)
    assert waits[2:] == [7] * (TRIES - 1)
    videos = stage_params("videos", retries=1, backoff_s=0.01)
    with yt_dlp.YoutubeDL({"quiet": True, "retries": 0}) as site, pytest.raises(Failed, match="tried 2 times"):
        attempt(lambda: site.extract_info(f"{busy.url}/7"), videos)
    assert waits[2 + TRIES - 1 :] == [7]
