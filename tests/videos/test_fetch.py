"""Real downloads from a loopback site, good and bad."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from loopback import Site

from stages.common.data.files import read_json, sha256
from stages.common.errors import Failed, Rejected
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.runner import Item, run_items
from stages.videos.catalog import read_catalog
from stages.videos.fetch import FILES, fetch
from stages.videos.rules import check_metadata, probe
from stages.videos.withdrawn import Withdrawn


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({"channel_follower_count": 300_000}, "channel_too_big"),
        ({"language": "es-MX"}, "language"),
        ({"duration": 0.5}, "too_short"),
        ({"channel_id": "UCgone"}, "withdrawn"),
        ({"id": "UCgone"}, "withdrawn"),
        ({"duration": 90, "language": "en-GB", "channel_follower_count": 299_999}, None),
        ({}, None),
    ],
)
def test_what_the_site_says_is_screened_before_any_download(params, info, reason):
    withdrawn = Withdrawn({"UCgone": frozenset({"UCgone"})})
    if reason is None:
        check_metadata(info, params, withdrawn)
        return
    with pytest.raises(Rejected, match=reason):
        check_metadata(info, params, withdrawn)


@pytest.fixture
def get(tmp_path, params, base):
    """Fetch addresses as the stage does; return the manifest by id and how many were worked on."""

    def work(links, **changes):
        items = [Item(name, link, {"info": {}, "place": link}) for name, link in links.items()]
        rules = params.model_copy(update=changes)
        job = functools.partial(fetch, params=rules, withdrawn=Withdrawn(), partial=tmp_path / "out" / ".partial")
        calm = base.model_copy(update={"max_failed": 1.0})
        manifest, done = run_items(
            items,
            job,
            name="videos",
            out=tmp_path / "out",
            files=FILES,
            keys=tmp_path / "keys.parquet",
            needs=Dependencies(),
            base=calm,
        )
        return manifest.set_index("id"), done

    return work


def test_a_local_file_arrives_unchanged_with_its_record(tmp_path, params, film, catalog):
    source = film("catalog/clip.mp4")
    info = {"title": "../<b>T</b>", "channel_id": "C", "language": "en", "license": "CC BY", "upload_date": "20200101"}
    source.with_suffix(".info.json").write_text(json.dumps(info))
    item = read_catalog(catalog(videos=["clip.mp4"]), params, {})[0]
    (tmp_path / "out" / "media").mkdir(parents=True)
    fetch(item, tmp_path / "out", params, Withdrawn(), tmp_path / "partial")
    record = read_json(tmp_path / "out" / "media" / "clip.json")
    assert record["digest"] == sha256(source) == sha256(tmp_path / "out" / "media" / "clip.mp4")
    assert (record["title"], record["width"], record["has_audio"], record["license"]) == (
        info["title"],
        160,
        True,
        "CC BY",
    )
    assert record["duration_s"] == pytest.approx(3, abs=0.1)
    assert str(tmp_path) not in json.dumps(record)
    assert record["yt_dlp"]
    assert not (tmp_path / "partial").exists()


def test_every_kind_of_answer_becomes_a_row_with_its_reason(tmp_path, film, site, get):
    names = ("good", "slow", "limited", "busy", "flaky", "cut", "short", "long", "mute", "brief", "junk")
    for name in names:
        film(f"site/{name}.mp4", seconds=0.4 if name == "brief" else 3, sound=name != "mute")
    (tmp_path / "site" / "junk.mp4").write_bytes(b"<html>not a video</html>" * 99)
    site.trouble |= {
        "/slow.mp4": ["slow"] * 9,
        "/limited.mp4": [429],
        "/busy.mp4": [503] * 99,
        "/flaky.mp4": [200, "cut"],
    }
    site.trouble |= {"/cut.mp4": [200, *["cut"] * 99], "/short.mp4": ["short"] * 99, "/long.mp4": [200, "long"]}
    rows, done = get({name: f"{site.url}/{name}.mp4" for name in (*names, "gone")})
    assert done == 12
    ok = set(rows[rows.status == "ok"].index)
    assert ok >= {"good", "slow", "limited", "flaky"}
    assert rows.loc["gone", ["status", "reason"]].tolist() == ["rejected", "removed"]
    assert "404" in rows.loc["gone", "error"]
    assert rows.loc["busy", ["status", "reason"]].tolist() == ["failed", "server_error"]
    assert "tried 3 times" in rows.loc["busy", "error"]
    assert rows.loc["mute", "reason"] == "no_audio"
    assert rows.loc["brief", "reason"] == "too_short"
    for name in ("cut", "short", "junk"):
        assert rows.loc[name, "status"] == "failed", rows.loc[name]
    kept = sorted(path.name for path in (tmp_path / "out" / "media").iterdir())
    assert kept == sorted(f"{name}.{ending}" for name in ok for ending in ("json", "mp4"))
    for name in ok:
        assert read_json(tmp_path / "out" / "media" / f"{name}.json")["digest"] == sha256(
            tmp_path / "site" / f"{name}.mp4"
        )


def test_a_site_that_hangs_or_dies_costs_no_video_that_is_there(tmp_path, film, site, get):
    names = ("good", "hung", "dying", "late")
    for name in names:
        film(f"site/{name}.mp4")
    site.trouble |= {"/hung.mp4": [200, "hang"], "/dying.mp4": [200, "die"]}
    links = {name: f"{site.url}/{name}.mp4" for name in names}
    rows, _ = get(links, retries=0, timeout_s=1.0)
    assert rows.reason[list(names)].tolist() == ["", "timeout", "download", "network"]
    back = Site(site.folder, site.server.server_port)
    rows, done = get(links)
    back.server.shutdown()
    back.server.server_close()
    assert set(rows.status) == {"ok"}
    assert "/good.mp4" not in back.asked
    assert done == 3


def test_only_what_failed_is_tried_again(film, site, get):
    for name in ("good", "busy"):
        film(f"site/{name}.mp4")
    links = {name: f"{site.url}/{name}.mp4" for name in ("good", "busy", "gone")}
    site.trouble["/busy.mp4"] = [503] * 3
    get(links)
    site.asked.clear()
    rows, done = get(links)
    assert done == 1
    assert rows.loc["busy", "status"] == "ok"
    assert set(site.asked) == {"/busy.mp4"}, "the good one is kept and the one that is gone is not asked for"


def test_a_download_goes_on_where_it_broke_off(tmp_path, film, site, get):
    whole = film("site/large.mp4", seconds=20)
    site.trouble["/large.mp4"] = [200, *["cut"] * 99]
    rows, _ = get({"large": f"{site.url}/large.mp4"}, retries=0)
    assert rows.loc["large", "status"] == "failed"
    (part,) = (tmp_path / "out" / ".partial" / "large").iterdir()
    assert 0 < part.stat().st_size < whole.stat().st_size
    site.trouble.clear()
    rows, _ = get({"large": f"{site.url}/large.mp4"})
    assert rows.loc["large", "status"] == "ok"
    assert ("large.mp4", part_size := max(begin for _, begin in site.ranges)) in site.ranges
    assert part_size > 0
    assert sha256(tmp_path / "out" / "media" / "large.mp4") == sha256(whole)


@pytest.mark.slow
def test_a_killed_download_goes_on_and_nothing_finished_is_lost(tmp_path, film, site):
    """The stage itself, killed with SIGKILL in the middle of a slow download."""
    film("site/quick.mp4")
    whole = film("site/slow.mp4", seconds=60)
    site.trouble["/slow.mp4"] = [200, "slow"]
    script = (
        "import functools; from pathlib import Path; from stages.common.incremental.runner import Item, run_items;"
        "from stages.common.incremental.dependencies import Dependencies;"
        "from stages.common.stage.params import load_params; from stages.videos.fetch import fetch;"
        "from stages.videos.withdrawn import Withdrawn;"
        f"params, base = load_params('videos', Path({str(ROOT / 'params.yaml')!r}));"
        "params = params.model_copy(update={'min_duration_s': 1.0});"
        f"items = [Item(n, n, {{'info': {{}}, 'place': f'{site.url}/{{n}}.mp4'}}) for n in ('quick', 'slow')];"
        "out = Path('out'); partial = out / '.partial';"
        "work = functools.partial(fetch, params=params, withdrawn=Withdrawn(), partial=partial);"
        f"run_items(items, work, name='videos', out=out, files={FILES!r}, keys=Path('keys.parquet'),"
        " needs=Dependencies(), base=base.model_copy(update={'jobs': 1}))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    first = subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL, start_new_session=True)
    part = tmp_path / "out" / ".partial" / "slow" / "slow.mp4.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 50_000) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    held = part.stat().st_size
    assert 50_000 < held < whole.stat().st_size
    site.asked.clear()
    subprocess.run(command, cwd=tmp_path, env=env, check=True, stderr=subprocess.DEVNULL)
    assert "/quick.mp4" not in site.asked, "what was finished is not fetched again"
    assert max(begin for _, begin in site.ranges) >= held
    assert sha256(tmp_path / "out" / "media" / "slow.mp4") == sha256(whole)


def test_files_are_looked_at_to_their_end(tmp_path, film):
    good = film("good.mp4", seconds=8)
    assert probe(good)["fps"] == 25
    cut = tmp_path / "cut.mp4"
    whole = film("whole.mp4", seconds=8)
    # With the index in front, a file cut short still opens.
    from imageio_ffmpeg import get_ffmpeg_exe

    front = tmp_path / "front.mp4"
    subprocess.run(
        [get_ffmpeg_exe(), "-v", "error", "-i", whole, "-c", "copy", "-movflags", "+faststart", front], check=True
    )
    cut.write_bytes(front.read_bytes()[: front.stat().st_size // 2])
    with pytest.raises(Failed, match=r"cut.mp4 is truncated: it ends at .* s of 8.0 s"):
        probe(cut)
    (tmp_path / "junk.mp4").write_bytes(b"junk")
    with pytest.raises(Failed, match="junk.mp4 is not a readable video"):
        probe(tmp_path / "junk.mp4")


def test_other_containers_become_mp4(tmp_path, film, site, get):
    from imageio_ffmpeg import get_ffmpeg_exe

    source = film("source.mp4")
    command = [get_ffmpeg_exe(), "-v", "error", "-i", source, "-c", "copy", tmp_path / "site" / "clip.mkv"]
    subprocess.run(command, check=True)
    (tmp_path / "site" / "liar.mp4").write_bytes((tmp_path / "site" / "clip.mkv").read_bytes())
    rows, _ = get({"clip": f"{site.url}/clip.mkv", "liar": f"{site.url}/liar.mp4"})
    assert rows.status.tolist() == ["ok", "ok"], rows.error.tolist()
    for name in ("clip", "liar"):
        assert (tmp_path / "out" / "media" / f"{name}.mp4").read_bytes()[4:8] == b"ftyp"
