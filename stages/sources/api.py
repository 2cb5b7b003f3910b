"""Requests to a web service, with retries after failures that may be temporary."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from stages.common.errors import StageError
from stages.common.retry import STATUSES, TemporaryError, retried, retry_after

T = TypeVar("T")

TRIES = 5
FIRST_S, LONGEST_S = 0.5, 900.0  # first and longest wait; services limit requests in a quarter of an hour


def ask(url: str, send: Callable[[], Any], read: Callable[[Any], T]) -> T:
    """Return what `read` takes from the response (of `requests`) that `send` gets from `url`.

    Raises StageError where the service refuses, or is not available in TRIES tries.
    """
    import requests

    def once() -> T:
        try:
            answer = send()
            if answer.status_code == 200:
                return read(answer)
        except requests.RequestException as error:
            raise TemporaryError("unreachable", str(error)) from None
        problem = f"status {answer.status_code}"
        if answer.status_code in STATUSES:
            raise TemporaryError("status", problem, _wait(answer.headers))
        raise StageError(_line(url, problem))

    try:
        return retried(once, TRIES, FIRST_S, LONGEST_S)
    except TemporaryError as problem:
        raise StageError(_line(url, problem.message)) from None


def _wait(headers: Mapping[str, str]) -> float:
    """Seconds until the service accepts requests again, by Retry-After or by X's header with the time of reset."""
    reset = headers.get("x-rate-limit-reset", "")
    return max(retry_after(headers), float(reset) - time.time() if reset.isdecimal() else 0.0)


def _line(url: str, problem: str) -> str:
    return f"{url}: {problem}: run this again, it goes on where it stopped"
