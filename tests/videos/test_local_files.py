"""Videos that are files: any name, any folder, and a row for each."""

import json
import os
import subprocess

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from stages.common.data.files import SAFE_ID, sha256
from stages.common.errors import StageError

NAMES = [
    "Lecture 1 - GI (part 2)",
    "Pathologie_über_Haut",
    "病理",
    "Lec.1.GI",
    "Histology_of_GI [dQw4w9WgXcQ]",
    "-abcDEF_123",
    "a" * 140,
    "b" * 250,  # with .info.json too long for a file system
    "Case #5",
    "50% of all? yes: 'most'",
    "two\nlines",
    os.fsdecode(b"caf\xe9"),  # of an old disk: no UTF-8
]


def ffmpeg(*options):
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-y", *map(str, options)], check=True)


@pytest.fixture
def films(film, catalog):
    """Write films that differ in length below the catalog, and the lines of videos.txt; return the catalog."""

    def write(lines, *names):
        for number, name in enumerate(names):
            film(f"catalog/{name}", seconds=1.21 + number / 25)
        return catalog(videos=lines)

    return write


def test_every_name_is_a_row_that_keeps_its_title(films, run_videos):
    folder = films(["films"], *(f"films/{name}.mp4" for name in NAMES))
    status, table, _ = run_videos(folder)
    assert (status.status == "ok").all(), status
    assert set(table.title) == {os.fsencode(name).decode("utf-8", "replace") for name in NAMES}
    assert all(SAFE_ID.fullmatch(name) for name in table.index)


def test_a_line_names_a_file_with_any_name_and_may_have_a_comment(films, run_videos):
    names = ["Case #5.mp4", "-x.mp4", "Übung [2].mp4"]
    lines = ["Case #5.mp4", "-x.mp4  # from the course", "Übung [2].mp4"]
    _, table, _ = run_videos(films(lines, *names))
    assert sorted(table.title) == sorted(name.removesuffix(".mp4") for name in names)


def test_a_sidecar_gives_the_id_in_the_form_of_a_site_s(films, run_videos, tmp_path):
    folder = films(["films"], "films/one [-abcDEF_123].mp4", "films/two.mp4")
    # As yt-dlp writes it: with addresses of formats, none of which may be asked for.
    info = {"id": "-abcDEF_123", "title": "One", "channel": None, "formats": [{"url": "http://127.0.0.1:9/x.mp4"}]}
    (tmp_path / "catalog/films/one [-abcDEF_123].info.json").write_text(json.dumps(info))
    _, table, _ = run_videos(folder)
    (name,) = table.index[table.title == "One"]
    assert name.startswith("abcDEF_123_")
    assert table.loc[name, "digest"] == sha256(tmp_path / "catalog/films/one [-abcDEF_123].mp4")


def test_same_stems_are_videos_of_their_own_and_later_lines_rename_none(films, run_videos):
    names = ("films/lecture1.mp4", "films/lecture1.mkv", "other/lecture1.mp4")
    status, table, _ = run_videos(films(["films", "other"], *names))
    assert (status.status == "ok").all()
    assert sorted(table.url) == sorted(names)
    assert "lecture1" in table.index
    again = run_videos(films(["films", "other", "more"], *names, "more/lecture1.mp4"))[1]
    assert again.loc[table.index, "url"].equals(table.url)
    assert len(again) == 4


def test_a_folder_is_searched_to_its_bottom_for_what_its_files_hold(films, run_videos, tmp_path):
    folder = films(["films"], "films/one.mp4", "films/week2/day1/two.MP4", "elsewhere/three.mp4")
    films_dir = folder / "films"
    (films_dir / "linked").symlink_to(folder / "elsewhere")
    (films_dir / "week2" / "round").symlink_to(films_dir)
    source = ["-f", "lavfi", "-i", "testsrc=d=2:r=25:s=160x96", "-f", "lavfi", "-i", "sine=d=2"]
    for name in ("talk.wmv", "talk.flv", "talk.mpg", "no_ending.mkv"):
        ffmpeg(*source, films_dir / name)
    (films_dir / "no_ending.mkv").rename(films_dir / "no_ending")
    # None of these is a video.
    picture = Image.fromarray(np.zeros((96, 160, 3), np.uint8))
    picture.save(films_dir / "one.jpg")
    picture.save(films_dir / "moving.gif", save_all=True, append_images=[picture] * 20, duration=100)
    ffmpeg(*source[4:], "-i", films_dir / "one.jpg", "-map", "0", "-map", "1", "-c:v", "mjpeg", "-disposition:v",
           "attached_pic", films_dir / "song.mp3")  # fmt: skip
    ffmpeg(*source[4:], films_dir / "sound.m4a")
    (films_dir / "notes.txt").write_text("about these films\n" * 500)
    (films_dir / "one.srt").write_text("1\n00:00:00,000 --> 00:00:10,000\nhello\n")
    (films_dir / "one.mp4.part").write_bytes((films_dir / "one.mp4").read_bytes()[:9000])
    (films_dir / ".hidden.mp4").write_bytes(b"of the system")
    status, table, _ = run_videos(folder)
    wanted = {"one", "two", "three", "talk", "no_ending"}
    assert set(table.title) == wanted
    assert (status.status == "ok").all(), status
    assert len(status) == len(wanted) + 2, "three talks"


def test_the_same_film_twice_is_a_duplicate(films, run_videos, tmp_path):
    folder = films(["b.mp4", "films"], "b.mp4", "films/other.mp4")
    (folder / "films/a.mp4").write_bytes((folder / "b.mp4").read_bytes())
    (folder / "films/c.mp4").symlink_to(folder / "b.mp4")
    status, table, metrics = run_videos(folder)
    assert sorted(table.index) == ["b", "other"]
    for name in ("a", "c"):
        assert status.loc[name].tolist() == ["rejected", "duplicate", "the same file as b"]
    assert metrics["reasons"] == {"duplicate": 2}


def test_the_same_film_from_two_addresses_is_a_duplicate(film, catalog, site, run_videos):
    source = film("site/one.mp4")
    (source.parent / "two.mp4").write_bytes(source.read_bytes())
    status, table, _ = run_videos(catalog(videos=[f"{site.url}/one.mp4", f"{site.url}/two.mp4"]))
    assert table.index.tolist() == ["one"]
    assert status.loc["two"].tolist() == ["rejected", "duplicate", "the same file as one"]


def test_files_of_one_name_on_two_sites_are_two_videos(film, catalog, site, run_videos):
    film("site/a/one.mp4")
    film("site/b/one.mp4", seconds=2)
    status, table, _ = run_videos(catalog(videos=[f"{site.url}/a/one.mp4", f"{site.url}/b/one.mp4"]))
    assert sorted(table.url) == [f"{site.url}/a/one.mp4", f"{site.url}/b/one.mp4"]
    assert (status.status == "ok").all()


def test_what_cannot_be_read_is_a_row_and_stops_no_other(films, run_videos):
    folder = films(["films", "gone.mp4"], "films/good.mp4", "films/no_json.mp4", "films/odd.mp4")
    (folder / "films/empty.mp4").touch()
    (folder / "films/dangling.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "films/junk.mp4").write_bytes(b"junk" * 999)
    (folder / "films/no_json.info.json").write_text("{")
    (folder / "films/odd.info.json").write_text('{"channel_follower_count": "many"}')
    status, table, _ = run_videos(folder)
    assert table.index.tolist() == ["good"]
    found = {name: tuple(row) for name, row in status[["status", "reason"]].iterrows()}
    assert found == {
        "good": ("ok", ""),
        "empty": ("rejected", "empty"),
        "dangling": ("failed", "unreadable"),
        "gone": ("failed", "unreadable"),
        "junk": ("failed", "unreadable"),
        "no_json": ("failed", "sidecar"),
        "odd": ("failed", "sidecar"),
    }
    assert status.loc["dangling", "error"] == "films/dangling.mp4 cannot be read: No such file or directory"
    assert status.loc["odd", "error"].startswith("odd.info.json: channel_follower_count: ")


def test_a_file_or_any_folder_around_it_is_withdrawn_by_its_path(films, run_videos, catalog, tmp_path):
    folder = films(["films"], "films/one/a.mp4", "films/two/b.mp4", "films/two/three/c.mp4", "films/d.mp4")
    withdrawn = ["films/two", str(tmp_path / "catalog/films/d.mp4"), str(tmp_path / "catalog/films/one") + "/"]
    catalog(withdrawn=withdrawn[:1])
    assert sorted(run_videos(folder)[1].title) == ["a", "d"]
    catalog(withdrawn=withdrawn)
    assert len(run_videos(folder)[1]) == 0


def test_a_recording_that_breaks_off_is_told_by_the_header_it_came_with(films, run_videos):
    folder = films(["films"], "films/whole.mp4")
    for name in ("cut.mkv", "cut.flv"):
        whole = folder / f"whole_{name}"
        ffmpeg("-f", "lavfi", "-i", "testsrc=duration=8", "-f", "lavfi", "-i", "sine=duration=8", "-c:a", "aac", whole)
        (folder / "films" / name).write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    status, table, _ = run_videos(folder)
    assert table.title.tolist() == ["whole"]
    assert status.reason.value_counts().to_dict() == {"": 1, "truncated": 2}


def test_after_too_many_failures_the_tables_are_the_new_ones(films, run_videos):
    folder = films(["films"], "films/good.mp4", "films/late.mp4")
    run_videos(folder)
    (folder / "films/late.mp4").write_bytes(b"junk")
    with pytest.raises(StageError, match="1 of 2 items failed, more than base.max_failed = 0.25; first: late"):
        run_videos(folder, max_failed=0.25)
    status, table = run_videos.tables()
    assert status.loc["late", ["status", "reason"]].tolist() == ["failed", "unreadable"]
    assert table.index.tolist() == ["good"]


def test_a_list_in_another_encoding_says_so(films, run_videos):
    folder = films([], "Übung.mp4")
    (folder / "videos.txt").write_text("Übung.mp4\r\n", encoding="utf-16")
    assert run_videos(folder)[1].title.tolist() == ["Übung"]
    (folder / "videos.txt").write_text("Übung.mp4\r\n", encoding="latin-1")
    with pytest.raises(StageError, match=r"videos.txt is not in UTF-8: save it in that encoding"):
        run_videos(folder)
