"""A loopback server in place of the network."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@contextlib.contextmanager
def mirrored(folder: Path) -> Iterator[Callable[[str], str]]:
    """Give a function that turns an address into one on a loopback server over `folder`, which holds HOST/PATH of each
    address; without that folder addresses stay as they are."""
    if not folder.is_dir():
        yield str
        return
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield functools.partial(_rewritten, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def _rewritten(server: str, url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # no address, which the download says
        return url
    return f"{server}/{parts.netloc}{parts.path}"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: requests are not logged."""
