"""Catalogs, screening, and real downloads by yt-dlp from files and a loopback server."""

import functools
import http.server
import json
import threading

import av
import numpy as np
import pytest

from stages.common.errors import Failed, Rejected, StageError
from stages.common.files import read_json, sha256
from stages.common.itemwise import Item, run
from stages.videos.catalog import read_catalog
from stages.videos.fetch import fetch, look, screen


def film(path, seconds=3.0, sound=True, fps=25):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as out:
        video = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        audio = out.add_stream("aac", rate=16000, layout="mono") if sound else None
        noise = np.random.default_rng(0).integers(0, 255, (96, 160, 3), dtype=np.uint8)
        for n in range(int(seconds * fps)):
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.roll(noise, n, 1), format="rgb24")))
        out.mux(video.encode(None))
        if audio:
            for n in range(int(seconds * 16000 / 1024)):
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 16000, n * 1024
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


@pytest.fixture
def block(params):
    return params("videos", min_duration_s=1.0, retries=0)


@pytest.fixture
def server(tmp_path):
    """A loopback server over tmp_path/site."""
    (tmp_path / "site").mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path / "site")
    ) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()


def catalog(folder, **lists):
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines))
    return folder


def test_a_catalog_lists_files_and_folders_once_each(tmp_path, block):
    film(tmp_path / "c" / "media" / "one.mp4")
    film(tmp_path / "c" / "media" / "two.mp4")
    (tmp_path / "c" / "media" / "two.info.json").write_text(json.dumps({"id": "TWO", "title": "t"}))
    folder = catalog(tmp_path / "c", videos=["# a comment", "", "media/one.mp4", "media"])
    items = read_catalog(folder, block)
    assert [item.id for item in items] == ["TWO", "one"]
    assert items[0].data["info"]["title"] == "t"
    before = items[0].digest
    (tmp_path / "c" / "media" / "two.info.json").write_text(json.dumps({"id": "TWO", "title": "changed"}))
    assert read_catalog(folder, block)[0].digest != before


def test_empty_missing_and_wrong_catalogs_say_what_to_do(tmp_path, block):
    with pytest.raises(StageError, match="is not a folder: make one with videos.txt"):
        read_catalog(tmp_path / "none", block)
    with pytest.raises(StageError, match="lists no video: add a line"):
        read_catalog(catalog(tmp_path / "empty", videos=["# nothing"]), block)
    with pytest.raises(StageError, match=r"videos.txt line 2: gone.mp4 does not exist"):
        read_catalog(catalog(tmp_path / "gone", videos=["# x", "gone.mp4"]), block)
    film(tmp_path / "odd" / "a b.mp4")
    with pytest.raises(StageError, match=r"'a b' cannot be an id: rename the file"):
        read_catalog(catalog(tmp_path / "odd", videos=["a b.mp4"]), block)


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({"channel_follower_count": 300_000}, "channel_too_big"),
        ({"language": "es-MX"}, "language"),
        ({"duration": 0.5}, "too_short"),
        ({"duration": 90, "language": "en-GB", "channel_follower_count": 299_999}, None),
        ({}, None),
    ],
)
def test_what_the_site_says_is_screened_before_any_download(block, info, reason):
    if reason is None:
        screen(info, block)
        return
    with pytest.raises(Rejected, match=reason):
        screen(info, block)


def test_a_local_file_arrives_unchanged_with_its_record(tmp_path, block):
    source = film(tmp_path / "c" / "clip.mp4")
    (tmp_path / "c" / "clip.info.json").write_text(json.dumps({"title": "T", "channel_id": "C", "language": "en"}))
    item = read_catalog(catalog(tmp_path / "c", videos=["clip.mp4"]), block)[0]
    (tmp_path / "out" / "media").mkdir(parents=True)
    fetch(item, tmp_path / "out", block)
    record = read_json(tmp_path / "out" / "media" / "clip.json")
    assert record["digest"] == sha256(source) == sha256(tmp_path / "out" / "media" / "clip.mp4")
    assert (record["title"], record["width"], record["height"], record["has_audio"]) == ("T", 160, 96, True)
    assert record["duration_s"] == pytest.approx(3, abs=0.1)
    assert str(tmp_path) not in json.dumps(record)


def test_files_are_looked_at_to_their_end(tmp_path, block):
    good = film(tmp_path / "good.mp4", seconds=8)
    assert look(good)["fps"] == 25
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    with pytest.raises(Failed, match=r"cut.mp4 is truncated: it ends at .* s of 8.0 s"):
        look(cut)
    (tmp_path / "junk.mp4").write_bytes(b"junk")
    with pytest.raises(Failed, match="junk.mp4 is not a readable video"):
        look(tmp_path / "junk.mp4")


def test_downloads_over_http_keep_good_ones_and_record_bad_ones(tmp_path, block, base, server):
    film(tmp_path / "site" / "good.mp4")
    film(tmp_path / "site" / "mute.mp4", sound=False)
    film(tmp_path / "site" / "brief.mp4", seconds=0.4)
    lines = [f"{server}/{name}.mp4" for name in ("good", "mute", "brief")]
    items = read_catalog(catalog(tmp_path / "c", videos=lines), block)
    items.append(Item("missing", "d", {"info": {}, "place": f"{server}/missing.mp4"}))
    calm = base.model_copy(update={"max_failed": 0.5})
    files = ("media/{id}.mp4", "media/{id}.json")
    work = functools.partial(fetch, block=block)
    manifest, done = run(items, work, package="stages.videos", out=tmp_path / "out", files=files, params={}, base=calm)
    rows = manifest.set_index("id")
    assert done == 4
    assert rows.loc["good", "status"] == "ok"
    assert rows.loc["mute", "reason"] == "no_audio"
    assert rows.loc["brief", "reason"] == "too_short"
    assert rows.loc["missing", "status"] == "failed"
    assert "404" in rows.loc["missing", "error"]
    assert sorted(p.name for p in (tmp_path / "out" / "media").iterdir()) == ["good.json", "good.mp4"]
    film(tmp_path / "site" / "missing.mp4")
    manifest, done = run(items, work, package="stages.videos", out=tmp_path / "out", files=files, params={}, base=calm)
    assert done == 1
    assert manifest.set_index("id").loc["missing", "status"] == "ok"
