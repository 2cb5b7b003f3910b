"""Withdrawal withdraws, however a video or a channel is named."""

import json
import logging

import pytest

from stages.videos.names import forms, names_of
from stages.videos.withdrawn import read_withdrawn

HANDLE = "https://www.youtube.com/@SlideTalks"
CHANNEL = "UCabcdefghijklmnopqrstuv"
INFO = {
    "id": "-bcdefghijk",
    "channel_id": CHANNEL,
    "channel_url": f"https://www.youtube.com/channel/{CHANNEL}",
    "uploader_id": "@SlideTalks",
    "uploader_url": HANDLE,
    "webpage_url": "https://www.youtube.com/watch?v=-bcdefghijk",
}
OF_THE_VIDEO = [
    "-bcdefghijk",
    "https://www.youtube.com/watch?v=-bcdefghijk",
    "https://www.youtube.com/watch?v=-bcdefghijk&t=90s&list=PLabcdefghijkl&index=3",
    "https://www.youtube.com/watch?app=desktop&v=-bcdefghijk#comments",
    "http://youtube.com/watch?v=-bcdefghijk",
    "www.youtube.com/watch?v=-bcdefghijk",
    "m.youtube.com/watch?v=-bcdefghijk",
    "https://music.youtube.com/watch?v=-bcdefghijk",
    "https://youtu.be/-bcdefghijk?si=abcdef",
    "youtu.be/-bcdefghijk",
    "https://www.youtube.com/shorts/-bcdefghijk",
    "https://www.youtube.com/live/-bcdefghijk?feature=share",
    "https://www.youtube.com/embed/-bcdefghijk",
    "https://www.youtube-nocookie.com/embed/-bcdefghijk",
]
OF_THE_CHANNEL = [
    CHANNEL,
    f"https://www.youtube.com/channel/{CHANNEL}",
    f"youtube.com/channel/{CHANNEL}/videos",
    "@SlideTalks",
    "@slidetalks",
    HANDLE,
    f"{HANDLE}/videos",
    "www.youtube.com/@SlideTalks/",
]
OTHERS = ["bcdefghijk", "-bcdefghijK", "https://youtu.be/Abcdefghijk", "@slidetalk", "https://vimeo.com/123456"]


@pytest.mark.parametrize("line", OF_THE_VIDEO + OF_THE_CHANNEL)
def test_a_video_is_withdrawn_by_every_form_of_its_names(line):
    assert forms(line) & names_of(INFO)


@pytest.mark.parametrize("line", OTHERS)
def test_another_name_withdraws_nothing(line):
    assert not forms(line) & names_of(INFO)


def test_an_address_of_another_site_is_known_by_its_id_or_as_it_stands():
    assert forms("https://player.vimeo.com/video/123456") & names_of({"id": "123456"})
    assert forms("example.org/films/one/") & names_of({"webpage_url": "https://www.example.org/films/one"})
    assert not forms("https://example.org/show?film=1") & names_of({"webpage_url": "https://example.org/show?film=2"})
    assert forms("http://[broken")


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfkbcdefghijk\r\n",
        b"kbcdefghijk   # asked us on 3 May\n",
        b"kbcdefghijk #asked\r",
        "kbcdefghijk\r\n".encode("utf-16"),
        b"# a list\n\n\xef\xbb\xbf  kbcdefghijk\t\n",
        b"https://youtu.be/kbcdefghijk\t# asked",
    ],
)
def test_lines_are_read_as_editors_write_them(tmp_path, data):
    (tmp_path / "withdrawn.txt").write_bytes(data)
    (names,) = read_withdrawn(tmp_path).lines.values()
    assert "kbcdefghijk" in names


@pytest.fixture
def films(film, catalog):
    names = ("Case #5", "Case", "Übung [kbcdefghijk]", "old-abcdefghijk", "channel", "kept")
    for number, name in enumerate(names):
        film(f"catalog/films/{name}.mp4", seconds=1.21 + number / 25)
    folder = catalog(videos=["films"])
    (folder / "films/channel.info.json").write_text(json.dumps({"id": "xyz", "uploader_url": HANDLE}))
    return folder


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("Case #5.mp4", "Case #5"),
        ("Case", "Case"),
        ("films/Case.mp4 # asked", "Case"),
        ("./films/Case.mp4", "Case"),
        ("films\\Case.mp4", "Case"),
        ("Übung [kbcdefghijk].mp4", "Übung [kbcdefghijk]"),
        ("kbcdefghijk", "Übung [kbcdefghijk]"),
        ("https://youtu.be/abcdefghijk", "old-abcdefghijk"),
        ("xyz", "channel"),
        ("https://youtube.com/@slidetalks", "channel"),
    ],
)
def test_a_file_is_withdrawn_by_its_names(films, run_videos, catalog, line, title):
    catalog(withdrawn=[line])
    status, table, metrics = run_videos(films)
    assert len(table) == 5
    assert title not in set(table.title)
    assert metrics["withdrawn"] == {line: 1}
    (row,) = status[status.status == "rejected"].itertuples()
    assert (row.reason, row.error) == ("withdrawn", f"'{line}'")


def test_an_id_of_the_tables_withdraws(films, run_videos, catalog):
    _, table, _ = run_videos(films)
    (name,) = table.index[table.title == "Übung [kbcdefghijk]"]
    catalog(withdrawn=[name])
    assert name not in run_videos(films)[1].index


def test_lines_are_counted_and_those_that_match_nothing_are_named(films, run_videos, catalog, caplog):
    catalog(withdrawn=["films", "Case", "nobody  # asked by mail"])
    with caplog.at_level(logging.WARNING):
        _, table, metrics = run_videos(films)
    assert table.empty
    assert metrics["withdrawn"] == {"films": 6, "Case": 1, "nobody  # asked by mail": 0}
    assert "withdrawn.txt: 'nobody  # asked by mail' is no video or channel of the catalog" in caplog.text
    assert "'Case'" not in caplog.text


def test_a_copy_of_a_withdrawn_file_is_withdrawn(films, run_videos, catalog):
    (films / "films/a copy.mp4").write_bytes((films / "films/kept.mp4").read_bytes())
    assert len(run_videos(films)[1]) == 6
    catalog(withdrawn=["kept.mp4"])
    _, table, metrics = run_videos(films)
    assert len(table) == 5
    assert metrics["withdrawn"] == {"kept.mp4": 2}


@pytest.mark.parametrize("list_of", ["videos", "channels"])
def test_a_withdrawn_video_of_a_site_is_never_fetched(film, catalog, site, run_videos, list_of):
    for number, name in enumerate(("one", "two")):
        film(f"site/{name}.mp4", seconds=1.21 + number / 25)
    page = site.playlist("page.xml", ["one.mp4"])
    first = [page] if list_of == "channels" else [f"{site.url}/one.mp4"]
    folder = catalog(**{list_of: first, "withdrawn": first}, **({"videos": []} if list_of == "channels" else {}))
    with (folder / "videos.txt").open("a") as file:
        file.write(f"\n{site.url}/two.mp4")
    status, table, _ = run_videos(folder)
    assert table.index.tolist() == ["two"]
    (row,) = status[status.index != "two"].itertuples()
    assert (row.status, row.reason) == ("rejected", "withdrawn")
    assert site.asked["/one.mp4"] <= 2, "it may be listed"


def test_a_line_withdraws_what_was_fetched_before(film, catalog, site, run_videos):
    film("site/one.mp4")
    folder = catalog(videos=[f"{site.url}/one.mp4"])
    assert len(run_videos(folder)[1]) == 1
    site.asked.clear()
    catalog(withdrawn=[f"{site.url}/one.mp4 # asked"])
    assert run_videos(folder)[1].empty
    assert not list((folder.parent / "data/videos/media").iterdir())
