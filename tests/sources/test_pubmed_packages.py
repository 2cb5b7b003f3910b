"""Articles as archives and disks hold them: all are found, with their own images, and damage is told."""

import gzip
import io
import tarfile
import zipfile

import pytest
from articles import article, encoded, tar_of, tile, zip_of

from stages.sources import pubmed

PICTURE = encoded(tile(1))


@pytest.fixture
def read(tmp_path, stage_params):
    """(key, image, text, reason) of the candidates in a folder, the test's where none is named."""

    def candidates(folder=tmp_path):
        params = stage_params("sources")
        place = params.pubmed.model_copy(update={"folder": str(folder), "licenses": []})
        found = pubmed.candidates(params.model_copy(update={"pubmed": place}))
        return [(one.key, one.image, one.text, one.drop) for one in found]

    return candidates


def jats(pmcid="1", graphic="f1", text="A gland."):
    return article(("F1", f"<p>{text}</p>", graphic), pmcid=pmcid)


def whole(pmcid="1", image=PICTURE, text="A gland."):
    return (f"PMC{pmcid}_F1", image, text, "")


@pytest.mark.parametrize(
    ("reference", "files"),
    [
        ("f1.tif", {"f1.jpg": PICTURE}),
        ("f1.jpg", {"f1.tif": PICTURE}),
        ("f1.eps", {"f1.png": PICTURE}),
        ("f1", {"F1.JPG": PICTURE}),
        ("f1.webp", {"f1.webp": PICTURE}),
        ("images/f1.jpg", {"images/f1.jpg": PICTURE}),
        ("f1.jpg", {"images/f1.jpg": PICTURE}),
        ("../img/f1.jpg", {"img/f1.jpg": PICTURE}),
        ("f1.jpg?download=1#top", {"f1.jpg": PICTURE}),
        ("file:///home/me/f1.jpg", {"f1.jpg": PICTURE}),
        ("file:f1.tif", {"f1.jpg": PICTURE}),
        ("fig%201%2Ejpg", {"fig 1.jpg": PICTURE}),
        ("100%25.jpg", {"100%.jpg": PICTURE}),
        ("gl\u00e4nd.jpg", {"gla\u0308nd.jpg": PICTURE}),
        ("paper.g001", {"paper.g001.jpg": PICTURE, "paper.g002.jpg": b"another"}),
        ("f1.jpg", {"f1.jpg": PICTURE, "thumbs/f1.gif": b"small"}),
        ("f1", {"f1.jpg": PICTURE, "._f1.jpg": b"of macOS", "__MACOSX/f1.jpg": b"of macOS"}),
        ("f1", {"f1.jpg": PICTURE, "__MACOSX/._a.nxml": b"\0\5"}),
        ("f1", {"f1.jpg": PICTURE, "0-supplement.xml": b"<table/>"}),
        ("f1", {"f1.jpg": PICTURE, "0-data.xml": b"<collection><document/></collection>"}),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_an_image_is_found_whatever_its_ending_and_place(tmp_path, read, reference, files, kind):
    members = {"a.nxml": jats(graphic=reference), **files}
    if kind == "zip":
        zip_of(tmp_path / "P.ZIP", members)
    elif kind == "tar":
        tar_of(tmp_path / "P.tgz", {f"P/{name}": data for name, data in members.items()})
    else:
        for name, data in members.items():
            (tmp_path / "P" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "P" / name).write_bytes(data)
    assert read() == [whole()]


def test_all_articles_of_an_archive_are_read_with_their_own_images(tmp_path, read):
    members = {}
    for n in (1, 2, 3):
        members |= {f"PMC{n}/a.nxml": jats(n, text=f"Case {n}."), f"PMC{n}/f1.jpg": encoded(tile(n))}
    del members["PMC3/f1.jpg"]
    with tarfile.open(tmp_path / "bulk.tar", "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert read() == [
        *(whole(n, encoded(tile(n)), f"Case {n}.") for n in (1, 2)),
        ("PMC3_F1", b"", "Case 3.", "missing_graphic"),
    ]


def test_a_set_of_articles_in_one_file_is_read(tmp_path, read):
    parts = [jats(n).split(b"?>")[1] for n in (1, 2)]
    zip_of(tmp_path / "set.zip", {"set.xml": b"<pmc-articleset>" + b"".join(parts) + b"</pmc-articleset>"})
    assert [key for key, *_ in read()] == ["PMC1_F1", "PMC2_F1"]


def test_articles_beside_their_images_need_no_package(tmp_path, read):
    (tmp_path / "images").mkdir()
    (tmp_path / "a.nxml").write_bytes(jats(1))
    (tmp_path / "b.XML").write_bytes(jats(2, "g1.jpg"))
    (tmp_path / "._b.xml").write_bytes(b"of macOS")
    (tmp_path / "f1.jpg").write_bytes(PICTURE)
    (tmp_path / "images" / "g1.jpg").write_bytes(PICTURE)
    zip_of(tmp_path / "c.zip", {"c.xml": jats(3), "f1.jpg": PICTURE})
    assert sorted(read()) == [whole(1), whole(2), whole(3)]


def test_a_damaged_member_stops_nothing(tmp_path, read):
    members = {"1/a.nxml": jats(1), "1/f1.jpg": PICTURE, "2/a.nxml": jats(2), "2/f1.jpg": PICTURE, "3/a.xml": jats(3)}
    with zipfile.ZipFile(tmp_path / "P.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        at = {info.filename: info.header_offset + 30 + len(info.filename) for info in archive.infolist()}
    data = bytearray((tmp_path / "P.zip").read_bytes())
    for name in ("1/f1.jpg", "3/a.xml"):
        data[at[name] : at[name] + 40] = b"\xff" * 40
    (tmp_path / "P.zip").write_bytes(data)
    assert read() == [("PMC1_F1", b"", "A gland.", "broken_graphic"), whole(2), ("a", b"", "", "broken_package")]


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9, 1])
def test_a_damaged_tar_is_told_wherever_it_is_damaged(tmp_path, read, place):
    tar_of(tmp_path / "P.tar.gz", {"a.nxml": jats(), "f1.jpg": PICTURE})
    inner = bytearray(gzip.decompress((tmp_path / "P.tar.gz").read_bytes()))
    checksum = gzip.compress(bytes(inner))[-8:]
    inner[1536 + int(place * len(PICTURE))] ^= 1  # one bit of the image: only the checksum tells
    (tmp_path / "P.tar.gz").write_bytes(gzip.compress(bytes(inner))[:-8] + checksum)
    (tmp_path / "Q.nxml").write_bytes(jats(2))
    assert read() == [("P", b"", "", "broken_package"), ("PMC2_F1", b"", "A gland.", "missing_graphic")]


def test_a_tar_with_a_damaged_header_is_told(tmp_path, read):
    tar_of(tmp_path / "P.tar.gz", {"a.nxml": jats(), "f1.jpg": PICTURE})
    inner = bytearray(gzip.decompress((tmp_path / "P.tar.gz").read_bytes()))
    inner[inner.find(b"f1.jpg") + 150] ^= 0xFF
    (tmp_path / "P.tar").write_bytes(inner)
    (tmp_path / "P.tar.gz").unlink()
    assert [drop for *_, drop in read()] == ["broken_package"]


def test_what_has_no_figure_is_told(tmp_path, read):
    zip_of(tmp_path / "P.zip", {"a.nxml": article(pmcid="7")})
    zip_of(tmp_path / "Q.zip", {"a.xml": b"<collection/>"})
    assert [(key, drop) for key, _, _, drop in read()] == [("PMC7", "no_figure"), ("Q", "broken_package")]


def test_an_archive_of_a_kind_that_is_not_read_is_told(tmp_path, read):
    zip_of(tmp_path / "P.zip", {"a.nxml": article(pmcid="7")})
    for name in ("Q.7z", "R.nxml.gz", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [(key, drop) for key, _, _, drop in read()] == [
        ("PMC7", "no_figure"),
        ("Q", "broken_package"),
        ("R", "broken_package"),
    ]


def test_archives_in_an_archive_are_read_where_it_has_no_article(tmp_path, read):
    tar_of(tmp_path / "2.tgz", {"PMC2/a.nxml": jats(2), "PMC2/f1.jpg": PICTURE, "supplement.zip": b"damaged"})
    zip_of(tmp_path / "3.zip", {"a.nxml": jats(3), "f1.jpg": PICTURE})
    parts = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in parts:
        (tmp_path / name).unlink()
    tar_of(tmp_path / "bulk.tar.gz", parts | {"4.tar.gz": parts["2.tgz"][:200], "readme.txt": b"x"})
    found = read()
    assert sorted(one for one in found if not one[3]) == [whole(2), whole(3)]
    assert [(key, drop) for key, _, _, drop in found if drop] == [("4", "broken_package")]


def test_what_an_archive_is_its_content_says(tmp_path, read):
    tar_of(tmp_path / "1.zip", {"a.nxml": jats(1), "f1.jpg": PICTURE})
    zip_of(tmp_path / "2.tar.gz", {"a.nxml": jats(2), "f1.jpg": PICTURE})
    assert read() == [whole(1), whole(2)]


def test_links_are_followed_once(tmp_path, read):
    store, folder = tmp_path / "store", tmp_path / "in"
    for place in (store / "one", store / "images", folder / "PMC1", folder / "PMC3"):
        place.mkdir(parents=True)
    (store / "a.nxml").write_bytes(jats(1))
    (store / "f1.jpg").write_bytes(PICTURE)
    (store / "one" / "a.nxml").write_bytes(jats(2))
    (store / "one" / "f1.jpg").symlink_to(store / "f1.jpg")
    (store / "images" / "f1.jpg").symlink_to(store / "f1.jpg")
    for name in ("a.nxml", "f1.jpg"):
        (folder / "PMC1" / name).symlink_to(store / name)  # as DVC and git-annex have files
    (folder / "PMC2").symlink_to(store / "one")
    (folder / "PMC2 again").symlink_to(store / "one")
    (folder / "PMC3" / "a.nxml").write_bytes(jats(3))
    (folder / "PMC3" / "images").symlink_to(store / "images")
    (folder / "PMC3" / "loop").symlink_to(folder / "PMC3")
    (folder / "around").symlink_to(tmp_path)
    (folder / "gone.nxml").symlink_to(store / "gone.nxml")
    (folder / "gone.zip").symlink_to(store / "gone.zip")
    found = read(folder)
    assert sorted(one for one in found if not one[3]) == [whole(1), whole(2), whole(3)]
    assert [(key, drop) for key, _, _, drop in found if drop] == [("gone", "broken_package")] * 2
