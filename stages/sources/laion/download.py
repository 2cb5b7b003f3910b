"""Images from addresses: bounded in size, time and reach, each with its status.

img2dataset's conventions are kept (a row for every address, its opt-out headers), its downloader is not: that reads
bodies of any length, follows redirects anywhere and has no limit of time for a whole image.
"""

import hashlib
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urljoin, urlsplit

from stages.common.data.files import write_bytes
from stages.common.data.reading import said
from stages.common.retry import STATUSES, TemporaryError, retried, retry_after
from stages.sources.laion.session import WHOLE, PrivateAddress, is_public, open_session
from stages.sources.params import Laion

T = TypeVar("T")

AHEAD = 4096  # rows that are looked at before the first of them is handed on
REDIRECTS = 5
CHUNK = 1 << 16
OPTED_OUT = {"noai", "noimageai", "noindex", "noimageindex"}
FIRST_S, LONGEST_S = 0.5, 30.0  # first and longest wait before a retry


@dataclass(frozen=True)
class Download:
    """The bytes that came or the file that has them, or the reason (snake_case) why none did and more on it."""

    data: bytes
    reason: str = ""
    detail: str = ""
    path: Path | None = None


class _Refused(Exception):
    """A permanent error of an address; stages.common.retry.TemporaryError is for the others."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Wanted(Generic[T]):
    """A row and the address to fetch for it, "" for none; `name` is what the image is kept under."""

    row: T
    name: str
    url: str


def download_all(rows: Iterable[Wanted[T]], params: Laion, cache: Path, private: bool) -> Iterator[tuple[T, Download]]:
    """Yield, in order, each row with the Download of its address; one without an address with an empty Download.

    Images are kept in `cache`, so that a later run fetches only what is not there, and read one at a time. `private`
    allows addresses of this machine and its network.
    """
    ahead: deque[tuple[T, Future[Download] | None]] = deque()
    stored = threading.local()
    with ThreadPoolExecutor(params.threads) as pool:
        for one in rows:
            found = pool.submit(_kept, one.name, one.url, params, cache, private, stored) if one.url else None
            ahead.append((one.row, found))
            if len(ahead) > AHEAD:
                yield _arrived(*ahead.popleft())
        while ahead:
            yield _arrived(*ahead.popleft())


def _arrived(row: T, waiting: Future[Download] | None) -> tuple[T, Download]:
    found = waiting.result() if waiting else Download(b"")
    return row, replace(found, data=found.path.read_bytes()) if found.path else found


def _kept(name: str, url: str, params: Laion, cache: Path, private: bool, stored: Any) -> Download:
    path = cache / hashlib.sha256(name.encode(errors="replace")).hexdigest()[:32]
    if path.exists():
        return Download(b"", path=path)
    if not hasattr(stored, "session"):
        stored.session = open_session(private)
    found = download(stored.session, url, params, private)
    if found.reason:
        return found
    write_bytes(path, found.data)
    return Download(b"", path=path)


def download(session: Any, url: str, params: Laion, private: bool) -> Download:
    """Fetch one address, with retries and back-off after failures that may be temporary."""
    try:
        found = retried(lambda: _fetch(session, url, params, private), params.retries + 1, FIRST_S, LONGEST_S)
    except (_Refused, TemporaryError) as why:
        return Download(b"", why.reason, why.message)
    return Download(found)


def _fetch(session: Any, url: str, params: Laion, private: bool) -> bytes:
    import requests
    import urllib3

    deadline = time.monotonic() + WHOLE * params.timeout_s
    try:
        for _ in range(REDIRECTS + 1):
            _check_address(url, private)
            with session.get(url, stream=True, timeout=params.timeout_s, allow_redirects=False) as answer:
                if not answer.is_redirect:
                    return _body(answer, params.max_bytes, deadline)
                url = urljoin(url, answer.headers["Location"])
        raise _Refused("too_many_redirects", url)
    except PrivateAddress as error:
        raise _Refused("private_address", str(error)) from None
    except (requests.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
        raise TemporaryError("timeout", said(error)) from None
    except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError) as error:
        raise TemporaryError("cut_short", said(error)) from None
    except requests.ConnectionError as error:
        raise TemporaryError("connection_failed", said(error)) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:  # what is not an address
        raise _Refused("bad_address", said(error)) from None


def _check_address(url: str, private: bool) -> None:
    """Raise _Refused unless `url` is a web address of a public machine; also where a proxy does the connecting."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _Refused("bad_address", url)
    try:
        found = _addresses(parts.hostname, parts.port or 80)
    except (OSError, UnicodeError):
        raise TemporaryError("unknown_host", parts.hostname) from None
    if not private and not all(map(is_public, found)):
        raise _Refused("private_address", parts.hostname)


def _addresses(host: str, port: int) -> set[str]:
    """All internet addresses of a host."""
    return {str(info[4][0]) for info in socket.getaddrinfo(host, port)}


def _body(answer: Any, limit: int, deadline: float) -> bytes:
    if answer.status_code in STATUSES:
        raise TemporaryError(f"http_{answer.status_code}", wait_s=retry_after(answer.headers))
    if answer.status_code != 200:
        raise _Refused(f"http_{answer.status_code}")
    rules = {word.strip().lower() for word in answer.headers.get("X-Robots-Tag", "").replace(":", ",").split(",")}
    if rules & OPTED_OUT:
        raise _Refused("opted_out", ", ".join(sorted(rules & OPTED_OUT)))
    data = bytearray()
    while part := answer.raw.read1(CHUNK, decode_content=True):  # what has come, not all of a chunk
        data += part
        if len(data) > limit:
            raise _Refused("too_large", f"over {limit} bytes")
        if time.monotonic() > deadline:
            raise _Refused("timeout", "the whole image took too long")
    if not data:
        raise _Refused("empty")
    return bytes(data)
