"""Catalogs lead to videos, through files, pages and searches."""

import json
import unicodedata

import pytest

from stages.common.data.files import SAFE_ID
from stages.common.errors import StageError
from stages.videos.catalog import SEARCHES, read_catalog


def test_a_catalog_lists_files_and_folders_once_each(catalog, params, film):
    film("catalog/media/one.mp4")
    film("catalog/media/two.mp4")
    folder = catalog(videos=["# a comment", "", "media/one.mp4", "media"])
    sidecar = folder / "media" / "two.info.json"
    sidecar.write_text(json.dumps({"id": "TWO", "title": "t"}))
    items = read_catalog(folder, params, {})
    assert [item.id for item in items] == ["TWO", "one"]
    assert items[0].data["info"]["title"] == "t"
    before = items[0].digest
    sidecar.write_text(json.dumps({"id": "TWO", "title": "changed"}))
    assert read_catalog(folder, params, {})[0].digest != before


def test_empty_missing_and_wrong_catalogs_say_what_to_do(tmp_path, catalog, params, film):
    with pytest.raises(StageError, match="is not a folder: make one with videos.txt"):
        read_catalog(tmp_path / "none", params, {})
    with pytest.raises(StageError, match="leads to no video: add a line"):
        read_catalog(catalog(videos=["# nothing"]), params, {})
    with pytest.raises(StageError, match=r"videos.txt line 2: gone.mp4 does not exist"):
        read_catalog(catalog(videos=["# x", "gone.mp4"]), params, {})


def test_any_file_name_leads_to_an_id_and_is_the_title(catalog, params, film):
    names = [
        "my lecture",
        "my_lecture",
        "my-lecture",
        "my  lecture",
        "Übung [2]",
        "-x",
        "50% (a#b)",
        "講義",
        "講",
        "v1.2",
    ]
    for name in names:
        film(f"catalog/{name}.mp4", seconds=0.2)
    folder = catalog(videos=[f"{name}.mp4" for name in names])
    found = {item.data["info"]["title"]: item.id for item in read_catalog(folder, params, {})}
    assert set(found) == set(names)
    assert len(set(found.values())) == len(names)
    assert all(SAFE_ID.fullmatch(name) for name in found.values())
    assert (found["my_lecture"], found["my-lecture"]) == ("my_lecture", "my-lecture"), "a safe name is its own id"
    assert found["Übung [2]"].startswith("Ubung_2_")
    before = {name: unicodedata.normalize("NFD", name) for name in names}
    for name, other in before.items():
        (folder / f"{name}.mp4").rename(folder / f"{other}.mp4")
    again = read_catalog(catalog(videos=[f"{name}.mp4" for name in before.values()]), params, {})
    assert {item.id for item in again} == set(found.values()), "however a file system spells it"


def test_playlists_searches_and_single_addresses_are_listed_by_yt_dlp(catalog, params, film, site, monkeypatch):
    for name in ("one", "two", "three"):
        film(f"site/{name}.mp4")
    site.playlist("page.xml", ["one.mp4", "two.mp4"])
    site.playlist("skin.xml", ["three.mp4"])
    folder = catalog(
        channels=[f"{site.url}/page.xml"], searches__dermatopathology=["skin"], videos=[f"{site.url}/one.mp4"]
    )
    monkeypatch.setitem(SEARCHES, "channels", site.url + "/{quoted}.xml")
    search = params.model_copy(update={"search": "channels"})
    listings = {"an address that left the catalog": []}
    items = read_catalog(folder, search, listings)
    links = {item.data["place"].rsplit("/", 1)[1]: item.data["field"] for item in items}
    assert links == {"one.mp4": "", "two.mp4": "", "three.mp4": "dermatopathology"}
    assert sorted(listings) == sorted([f"{site.url}/page.xml", f"{site.url}/skin.xml", f"{site.url}/one.mp4"])
    assert len({item.digest for item in items}) == len(items)


def test_a_site_in_trouble_removes_no_video(catalog, params, film, site, capsys):
    film("site/one.mp4")
    page = site.playlist("page.xml", ["one.mp4"])
    folder, listings = catalog(channels=[page, f"{site.url}/gone.xml"]), {}
    first = read_catalog(folder, params, listings)
    assert "gone.xml cannot be listed: removed" in capsys.readouterr().out
    site.trouble["/page.xml"] = [503] * 9
    assert read_catalog(folder, params, listings) == first
    assert "cannot be listed: server_error" in capsys.readouterr().out
    site.trouble.clear()
    site.playlist("page.xml", ["one.mp4", "two.mp4"])
    assert len(read_catalog(folder, params, listings)) == 2


def test_hostile_ids_become_harmless_names(catalog, params, film, site):
    film("site/one.mp4")
    links = ["one.mp4?v=../../etc/passwd", "one.mp4?v=%3Cscript%3E"]
    items = read_catalog(catalog(channels=[site.playlist("page.xml", links)]), params, {})
    assert items
    assert all(item.id.replace("-", "").replace("_", "").isalnum() for item in items)


def test_the_paper_s_catalog_covers_its_fields():
    from conftest import ROOT

    fields = sorted((ROOT / "catalogs" / "quilt1m" / "searches").glob("*.txt"))
    assert len(fields) == 18
    assert all(path.read_text().strip() for path in fields)
