"""Retries after temporary errors: exponential back-off, Retry-After, and no wait after the last try."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

T = TypeVar("T")

STATUSES = (408, 425, 429, 500, 502, 503, 504)  # of HTTP, that are temporary


class TemporaryError(Exception):
    """A temporary error. `reason` is a short word, `wait_s` how many seconds the server asks to wait."""

    def __init__(self, reason: str, message: str = "", wait_s: float = 0.0) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message
        self.wait_s = wait_s


def retried(task: Callable[[], T], tries: int, first_s: float, longest_s: float) -> T:
    """Return what `task` returns, called up to `tries` times while it raises TemporaryError; the last one is raised on.

    The wait before another try is `first_s`, doubled each time, or what the server asks for if that is longer; never
    more than `longest_s`.
    """
    for number in range(tries - 1):
        try:
            return task()
        except TemporaryError as problem:
            time.sleep(min(longest_s, max(problem.wait_s, first_s * 2**number)))
    return task()


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to wait by the Retry-After header of a response, a number or a date; 0 without a valid one."""
    try:
        return float(Retry().parse_retry_after(headers.get("Retry-After") or "0"))
    except InvalidHeader:
        return 0.0
