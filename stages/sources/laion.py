"""LAION: a parquet of addresses and captions, fetched by img2dataset."""

import contextlib
import functools
import http.server
import io
import json
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from stages.common.errors import StageError
from stages.sources.candidate import Candidate
from stages.sources.params import Laion

COLUMNS = ("URL", "TEXT", "similarity", "punsafe")


def candidates(block: Laion) -> Iterator[Candidate]:
    """Yield one candidate per row of laion.parquet in `block.folder`; a row not fetched says so in its drop reason."""
    path = Path(block.folder) / "laion.parquet"
    if not path.exists():
        raise StageError(f"sources.laion.folder: {path} not found")
    table = pd.read_parquet(path)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    table["number"] = [f"{n:08d}" for n in range(len(table))]
    with tempfile.TemporaryDirectory() as folder:
        with _mirrored(path.parent / "mirror") as rewrite:
            files = _download(table.assign(URL=table.URL.map(rewrite)), Path(folder))
        for row in table.to_dict("records"):
            drop = _unwanted(row, block) or ("" if row["number"] in files else "download_failed")
            data = files[row["number"]].read_bytes() if row["number"] in files else b""
            name = Path(urlsplit(row["URL"]).path).stem
            key = re.sub(r"[^A-Za-z0-9_-]", "", name) or row["number"]
            yield Candidate(key, row["number"], data, row["TEXT"], row["URL"], drop=drop)


def _unwanted(row: dict[str, Any], block: Laion) -> str:
    if row["similarity"] < block.min_similarity:
        return "low_similarity"
    return "unsafe" if row["punsafe"] > block.max_unsafe else ""


def _download(table: pd.DataFrame, folder: Path) -> dict[str, Path]:
    """Fetch every address with img2dataset, bytes untouched; return the file of each row that came, by row number."""
    from img2dataset import download

    listing = folder / "list.parquet"
    table.to_parquet(listing)
    with contextlib.redirect_stdout(io.StringIO()):
        download(
            url_list=str(listing),
            input_format="parquet",
            url_col="URL",
            caption_col="TEXT",
            resize_mode="no",
            save_additional_columns=["number"],
            output_folder=str(folder / "out"),
            output_format="files",
            skip_reencode=True,
            processes_count=1,
            thread_count=16,
            retries=1,
            timeout=10,
            enable_wandb=False,
        )
    found = {}
    for record in (folder / "out").rglob("*.json"):
        images = [p for p in record.parent.glob(f"{record.stem}.*") if p.suffix not in (".json", ".txt")]
        if images:
            found[json.loads(record.read_text(encoding="utf-8"))["number"]] = images[0]
    return found


@contextlib.contextmanager
def _mirrored(mirror: Path) -> Iterator[Callable[[str], str]]:
    """Give a function that turns an address into one on a loopback server over the folder `mirror`, which holds
    HOST/PATH of each address; without that folder addresses stay as they are."""
    if not mirror.is_dir():
        yield str
        return
    handler = functools.partial(_Quiet, directory=mirror)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield lambda url: f"http://127.0.0.1:{server.server_port}/{urlsplit(url).netloc}{urlsplit(url).path}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not news."""
