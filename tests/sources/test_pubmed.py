"""Articles become figures, panels and captions; a broken one stops nothing."""

import pytest
from articles import article, encoded, plate, tar_of, tile, zip_of
from lxml import etree

from stages.common.errors import StageError
from stages.sources import pubmed
from stages.sources.pubmed.figures import read_articles


@pytest.fixture
def read(tmp_path, stage_params):
    """Candidates of the packages in the test's folder, by key."""

    def candidates(**changes):
        params = stage_params("sources")
        params = params.model_copy(
            update={"pubmed": params.pubmed.model_copy(update={"folder": str(tmp_path), **changes})}
        )
        return {one.key: one for one in pubmed.candidates(params)}

    return candidates


def test_a_figure_gives_its_panels_with_provenance_and_license(tmp_path, read):
    xml = article(
        ("F1", "<p>Lung. (A) Benign. (B) Tumor &lt;x&gt;.</p>", "f1"),
        ("F2", "<title>Alone.</title><p>With <italic>x</italic>.</p>", "f2.tif"),
        ("F3", "<p>Its file is not there.</p>", "f3"),
    )
    files = {"PMC1/a.nxml": xml, "PMC1/f1.jpg": encoded(plate([tile(1), tile(2)])), "PMC1/f1.gif": b"a thumbnail"}
    tar_of(tmp_path / "PMC1.tar.gz", files | {"PMC1/f2.tif": encoded(tile(3), "TIFF")})
    found = read()
    assert {key: one.text for key, one in found.items()} == {
        "PMC1234567_F1A": "Lung. Benign.",
        "PMC1234567_F1B": "Lung. Tumor <x>.",
        "PMC1234567_F2": "Alone. With x.",
        "PMC1234567_F3": "Its file is not there.",
    }
    assert found["PMC1234567_F3"].drop == "missing_graphic"
    assert {one.group for one in found.values()} == {"PMC1234567"}
    assert found["PMC1234567_F1B"].provenance == "PMC1234567 F1 B"
    assert "creativecommons.org" in found["PMC1234567_F2"].license
    assert {one.drop for one in read(licenses=["publicdomain/zero"]).values()} == {"license"}


def test_folders_and_zips_are_read_like_archives(tmp_path, read):
    (tmp_path / "PMC5").mkdir()
    (tmp_path / "PMC5" / "PMC5.1.xml").write_bytes(article(("F1", "<p>In a folder.</p>", "f1.jpg"), pmcid="PMC5.1"))
    (tmp_path / "PMC5" / "f1.jpg").write_bytes(encoded(tile(1)))
    inside = {"a.nxml": article(("F1", "<p>In a zip.</p>", "f1"), pmcid="6"), "f1.png": encoded(tile(2), "PNG")}
    zip_of(tmp_path / "PMC6.zip", inside)
    found = read()
    assert {key: (one.text, bool(one.image)) for key, one in found.items()} == {
        "PMC5_F1": ("In a folder.", True),
        "PMC6_F1": ("In a zip.", True),
    }


def test_paths_that_climb_out_write_and_read_nothing(tmp_path, read):
    outside = tmp_path.parent / "climbed.jpg"
    xml = article(("F1", "<p>Climbing.</p>", "../../climbed"))
    zip_of(tmp_path / "PMC7.zip", {"a.nxml": xml, "../../../climbed2.jpg": encoded(tile(1))})
    outside.write_bytes(b"SECRET")
    (tmp_path / "PMC8").mkdir()
    (tmp_path / "PMC8" / "a.xml").write_bytes(article(("F1", "<p>Climbing.</p>", "../../climbed"), pmcid="8"))
    (tmp_path / "PMC8" / "link.jpg").symlink_to(outside)
    assert {one.drop for one in read().values()} == {"missing_graphic"}
    assert not list(tmp_path.parent.parent.glob("climbed2*"))


def test_broken_packages_are_rows_and_the_others_are_read(tmp_path, read):
    (tmp_path / "PMC1.tar.gz").write_bytes(b"no tar")
    (tmp_path / "PMC2.zip").write_bytes(b"no zip")
    tar_of(tmp_path / "PMC3.tar.gz", {"readme.txt": b"no article"})
    tar_of(tmp_path / "PMC4.tar.gz", {"a.nxml": b"<article><body><fig></article>"})
    tar_of(tmp_path / "PMC5.tar.gz", {"a.nxml": article(("F1", "<p>Whole.</p>", "f")), "f.jpg": encoded(tile(1))})
    found = read()
    assert {key: one.drop for key, one in found.items()} == dict.fromkeys(
        ("PMC1", "PMC2", "PMC3", "PMC4"), "broken_package"
    ) | {"PMC1234567_F1": ""}
    assert "no .nxml or .xml file" in found["PMC3"].detail


def test_an_article_cannot_pull_in_files_nor_swell(tmp_path):
    (tmp_path / "secret").write_text("SECRET")
    outside = f'<!DOCTYPE article [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    assert "SECRET" not in str(read_articles(article(("F1", "<p>see &x;</p>", "f"), before=outside)))
    lines = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    swelling = f'<!DOCTYPE article [<!ENTITY l0 "laughs">{lines}]>'
    with pytest.raises(etree.XMLSyntaxError, match="amplification"):
        read_articles(article(("F1", "<p>&l9;</p>", "f"), before=swelling))


def test_an_empty_folder_says_what_to_put_there(read):
    with pytest.raises(
        StageError, match=r"sources.pubmed.folder: no articles in .*: put folders, .tar.gz, .zip or .nxml files there"
    ):
        read()
