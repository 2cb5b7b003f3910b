"""Downloads, good and bad, and retrieval from an index of embeddings."""

import http.server
import socket
import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from articles import encoded, tile
from loopback import POLL_S, Answers, serving

from stages.common.data.files import write_table
from stages.common.errors import StageError
from stages.sources import laion
from stages.sources.laion.retrieval import search

PICTURE = encoded(tile(5))


class Bad(http.server.BaseHTTPRequestHandler):
    """Answers /WAY in that way."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        way = self.path.strip("/").split("/")[0]
        if way.isdigit():
            return self.send_error(int(way))
        if way == "slow":
            time.sleep(6)
        if way in ("loop", "inward"):
            self.send_response(302)
            self.send_header("Location", "/loop" if way == "loop" else "http://127.0.0.1:1/private")
            return self.end_headers()
        if way == "drip_head":
            return self.drip(b"HTTP/1.1 200 OK\r\nX: ")
        if way == "drip":
            return self.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        self.send_response(200)
        if way == "noai":
            self.send_header("X-Robots-Tag", "noai")
        if way == "cut":
            self.send_header("Content-Length", str(2 * len(PICTURE)))
        self.end_headers()
        try:
            if way == "endless":
                while True:
                    self.wfile.write(b"x" * 65536)
            self.wfile.write(b"" if way == "empty" else PICTURE)
        except OSError:
            pass
        return None

    def drip(self, begin):
        """Send a byte now and then, each in time."""
        try:
            self.wfile.write(begin)
            for _ in range(200):
                self.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            pass


class Many(http.server.ThreadingHTTPServer):
    """Lets as many wait for an answer as there are downloads at once."""

    request_queue_size = 128


@pytest.fixture
def bad():
    server = Many(("127.0.0.1", 0), Bad)
    server.handle_error = lambda *args: None
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def read(tmp_path, stage_params):
    def candidates(urls, folder=tmp_path, **changes):
        rows = {"URL": urls, "TEXT": [f"text {n}" for n in range(len(urls))], "similarity": 0.4, "punsafe": 0.0}
        write_table(folder / "laion.parquet", pd.DataFrame(rows))
        params = stage_params("sources")
        quick = {"folder": str(folder), "private_addresses": True, "retries": 0, "timeout_s": 4.0, "max_bytes": 10**6}
        place = params.laion.model_copy(update=quick | changes)
        return list(laion.candidates(params.model_copy(update={"laion": place}), tmp_path / "cache"))

    return candidates


def test_every_way_of_failing_is_a_row_with_its_class(bad, read):
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    ways = {
        f"{bad}/ok": "",
        f"{bad}/404": "http_404",
        f"{bad}/503": "http_503",
        f"{bad}/slow": "timeout",
        f"{bad}/loop": "too_many_redirects",
        f"{bad}/noai": "opted_out",
        f"{bad}/cut": "cut_short",
        f"{bad}/endless": "too_large",
        f"{bad}/empty": "empty",
        f"http://127.0.0.1:{closed.getsockname()[1]}/x": "connection_failed",
        "http://no-such-host.invalid/x": "unknown_host",
        "file:///etc/passwd": "bad_address",
        "not an address": "bad_address",
        "http://[::bad/": "bad_address",
    }
    found = read(list(ways))
    assert {one.provenance: one.drop for one in found} == ways
    assert found[0].image == PICTURE
    assert not any(" at 0x" in one.detail for one in found), "would differ at the next run"


def test_an_image_that_comes_byte_by_byte_is_given_up(bad, read):
    began = time.monotonic()
    found = read([f"{bad}/drip", f"{bad}/drip_head"], timeout_s=0.5)
    assert [one.drop for one in found] == ["timeout", "timeout"]
    assert time.monotonic() - began < 10


def test_addresses_of_this_network_are_refused_unless_allowed(bad, read):
    inside = [f"{bad}/ok", "http://localhost/x", "http://10.0.0.1/x", "http://169.254.169.254/meta", "http://[::1]/x"]
    assert {one.drop for one in read(inside, private_addresses=False)} == {"private_address"}


def test_a_redirect_leads_nowhere_private(bad, monkeypatch, stage_params):
    from stages.sources.laion import download

    monkeypatch.setattr(download, "_addresses", lambda host, port: {"127.0.0.1" if port == 1 else "8.8.8.8"})
    import requests

    found = download.download(requests.Session(), f"{bad}/inward", stage_params("sources").laion, private=False)
    assert found.reason == "private_address"


def test_a_name_that_turns_private_when_it_is_connected_to_is_refused(monkeypatch, read):
    from stages.sources.laion import download

    class Inside(Answers):
        def do_GET(self):
            self.server.asked[self.path] += 1
            self.give(PICTURE)

    monkeypatch.setattr(download, "_addresses", lambda host, port: {"8.8.8.8"})
    with serving(Inside) as server:
        (found,) = read([f"http://localhost:{server.server_port}/ok"])
        assert (found.drop, server.asked.pop("/ok")) == ("", 1)
        (found,) = read([f"http://localhost:{server.server_port}/again"], private_addresses=False)
        assert (found.drop, found.detail) == ("private_address", "localhost is 127.0.0.1")
        (found,) = read([f"https://localhost:{server.server_port}/ok"], private_addresses=False)
        assert found.drop == "private_address"
        assert not server.asked


def test_what_came_is_not_fetched_again_and_what_did_not_is(bad, read):
    assert [one.drop for one in read([f"{bad}/ok", f"{bad}/404"])] == ["", "http_404"]
    again = read([f"{bad}/ok", f"{bad}/404"], private_addresses=False)
    assert [one.drop for one in again] == ["", "private_address"]


def test_a_passing_failure_is_tried_again(read, site):
    (site.folder / "a.jpg").write_bytes(PICTURE)
    site.trouble["/a.jpg"] = [503, 429]
    (found,) = read([f"{site.url}/a.jpg"], retries=2)
    assert (found.drop, found.image) == ("", PICTURE)
    assert site.asked["/a.jpg"] == 3


def test_a_mirror_stands_in_for_the_network(tmp_path, read):
    host = tmp_path / "mirror" / "images.example.org" / "a"
    host.mkdir(parents=True)
    (host / "1.jpg").write_bytes(PICTURE)
    found = read([f"http://images.example.org/a/{n}.jpg" for n in (1, 2)], private_addresses=False)
    assert [(one.key, one.drop) for one in found] == [("00000000", ""), ("00000001", "http_404")]
    assert found[0].provenance == "http://images.example.org/a/1.jpg"


def test_rows_below_the_thresholds_are_not_fetched(tmp_path, bad, stage_params):
    rows = {
        "URL": [f"{bad}/1", f"{bad}/2", f"{bad}/3"],
        "TEXT": "t",
        "similarity": [0.1, 0.4, np.nan],
        "punsafe": [0, 0.9, 0],
    }
    write_table(tmp_path / "laion.parquet", pd.DataFrame(rows))
    params = stage_params("sources")
    place = params.laion.model_copy(update={"folder": str(tmp_path)})
    found = laion.candidates(params.model_copy(update={"laion": place}), tmp_path / "cache")
    assert [one.drop for one in found] == ["low_similarity", "unsafe", "low_similarity"]


@pytest.fixture
def rows_of(tmp_path, stage_params):
    """What is read from laion.parquet, without fetching anything: all rows are below the threshold."""

    def read():
        params = stage_params("sources")
        place = params.laion.model_copy(update={"folder": str(tmp_path), "min_similarity": 2.0})
        return list(laion.candidates(params.model_copy(update={"laion": place}), tmp_path / "cache"))

    return read


def test_a_table_that_cannot_be_read_is_one_line(tmp_path, rows_of):
    (tmp_path / "laion.parquet").write_bytes(b"PAR1 junk")
    with pytest.raises(StageError, match=r"^\S+/laion.parquet cannot be read \(.+\): get it again or remove it$"):
        rows_of()


@pytest.mark.parametrize("column", ["similarity", "punsafe"])
def test_scores_are_numbers_also_as_texts_and_may_be_null(tmp_path, rows_of, column):
    rows = pd.DataFrame({"URL": ["http://x/1", "http://x/2"], "TEXT": "t", "similarity": 0.4, "punsafe": 0.0})
    write_table(tmp_path / "laion.parquet", rows.assign(**{column: [None, "high"]}))
    assert [one.drop for one in rows_of()] == ["low_similarity", "bad_score"]
    for values in ([None, None], pd.array([1, None], "Int64"), [np.nan, 0.5], ["0.5", "1e-1"]):
        write_table(tmp_path / "laion.parquet", rows.assign(**{column: values}))
        assert [one.drop for one in rows_of()] == ["low_similarity"] * 2


def test_a_row_without_punsafe_counts_as_safe():
    limits = SimpleNamespace(min_similarity=0.3, max_unsafe=0.5)
    for unsafe, drop in ((float("nan"), ""), (None, ""), ("UNLIKELY", ""), ("NSFW", "unsafe"), ("0.7", "unsafe")):
        assert laion._unwanted({"similarity": 0.4, "unsafe": unsafe}, limits)[0] == drop


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def index(tmp_path):
    """An index in two parts, and its vectors."""
    vectors = unit(np.random.default_rng(0).standard_normal((300, 16)))
    (tmp_path / "img_emb").mkdir()
    (tmp_path / "metadata").mkdir()
    for number, rows in enumerate((range(200), range(200, 300))):
        np.save(tmp_path / "img_emb" / f"img_emb_{number}.npy", vectors[list(rows)].astype(np.float16))
        table = pd.DataFrame({"url": [f"http://x/{n}" for n in rows], "caption": [f"row {n}" for n in rows]})
        write_table(tmp_path / "metadata" / f"metadata_{number}.parquet", table)
    return tmp_path, vectors


def test_queries_find_what_a_full_comparison_finds(index):
    folder, vectors = index
    from stages.sources.laion.retrieval import _described, _parts

    queries = unit(np.random.default_rng(1).standard_normal((3, 16)))
    parts = list(_parts(folder))
    table = _described(parts, search(parts, queries, 7))
    best = {int(row) for query in queries for row in np.argsort(-(vectors @ query))[:7]}
    assert {int(url.rsplit("/", 1)[1]) for url in table.URL} == best
    assert table.similarity.is_monotonic_decreasing
    with pytest.raises(StageError, match="use the model the index was made with"):
        search(parts, np.zeros((1, 8), np.float32), 1)
    rows = folder / "metadata/metadata_1.parquet"
    write_table(rows, pd.read_parquet(rows).head(1))
    with pytest.raises(StageError, match="metadata_1.parquet has 1 rows, fewer than the vectors beside it"):
        _described(parts, search(parts, queries, 300))
    rows.write_bytes(b"junk")
    with pytest.raises(StageError, match="metadata_1.parquet cannot be read"):
        _described(parts, search(parts, queries, 300))


@pytest.mark.slow
def test_texts_find_images_which_find_more(index, stage_params):
    from stages.common.models.clip import build
    from stages.common.models.embed import embed_texts
    from stages.sources.laion.retrieval import retrieve

    folder, _ = index
    model = "stages/quiltnet/configs/lite0_minilm.json"
    texts = ["lung", "skin"]
    vectors = embed_texts(build(model, "none", 0), texts, 2, "cpu")
    own = unit(np.vstack([vectors, np.random.default_rng(2).standard_normal((48, vectors.shape[1]))]))
    np.save(folder / "img_emb" / "img_emb_0.npy", own)
    (folder / "img_emb" / "img_emb_1.npy").unlink()
    queries = stage_params("sources").laion.queries.model_copy(
        update={"index": str(folder), "model": model, "pretrained": "none", "texts": texts, "per_query": 3, "expand": 1}
    )
    found = retrieve(queries)
    assert set(found.URL[:2]) == {"http://x/0", "http://x/1"}
    assert found.similarity[0] == pytest.approx(1, abs=1e-3)
    assert found.URL.is_unique
    alone = retrieve(queries.model_copy(update={"expand": 0}))
    assert len(found) >= len(alone)
