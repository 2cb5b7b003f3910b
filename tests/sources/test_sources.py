"""Figures split, captions cleaned, downloads real, reasons counted."""

import gzip
import io
import tarfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages.common.files import jpeg, write_table
from stages.demo.exports import _write_package
from stages.sources import laion, openpath, pubmed
from stages.sources.params import Laion, Openpath, Pubmed


def tile(seed, side=120):
    return np.random.default_rng(seed).integers(0, 200, (side, side, 3), dtype=np.uint8)


def plate(*rows, gap=20):
    """Tiles laid out in rows with white gutters."""
    lines = []
    for row in rows:
        cells = [part for one in row for part in (one, np.full((one.shape[0], gap, 3), 255, np.uint8))][:-1]
        lines += [np.hstack(cells), np.full((gap, sum(c.shape[1] for c in cells), 3), 255, np.uint8)]
    return np.vstack(lines[:-1])


def test_panels_come_in_reading_order():
    tiles = [tile(n) for n in range(4)]
    panels = pubmed.split_panels(plate(tiles[:2], tiles[2:]))
    assert len(panels) == 4
    assert all((panel == one).all() for panel, one in zip(panels, tiles, strict=True))


def test_thin_lines_and_tissue_gaps_do_not_split():
    image = tile(1, 300)
    image[:, 140:145] = 255
    assert len(pubmed.split_panels(image)) == 1


def test_sub_captions_keep_the_lead():
    assert pubmed.split_caption("Skin. (A) Epidermis. (B) Dermis.") == [
        ("A", "Skin. Epidermis."),
        ("B", "Skin. Dermis."),
    ]
    assert pubmed.split_caption("Only one.") == []


def test_packages_give_panels_with_provenance_and_a_broken_one_stops_nothing(tmp_path):
    figures = [
        ("F1", "Lung. (A) Benign. (B) Tumor <x>.", jpeg(Image.fromarray(plate([tile(1), tile(2)]))), []),
        ("F2", "Alone.", jpeg(Image.fromarray(tile(3))), []),
    ]
    _write_package(tmp_path / "PMC1.tar.gz", "PMC1", figures)
    (tmp_path / "PMC2.tar.gz").write_bytes(b"not a tar")
    found = list(pubmed.candidates(Pubmed(folder=str(tmp_path), licences=[])))
    assert [(c.key, c.text) for c in found[:3]] == [
        ("PMC1_F1A", "Lung. Benign."),
        ("PMC1_F1B", "Lung. Tumor <x>."),
        ("PMC1_F2", "Alone."),
    ]
    assert {c.group for c in found[:3]} == {"PMC1"}
    assert "creativecommons.org" in found[0].licence
    assert found[3].drop.startswith("broken_package")
    only_cc0 = list(pubmed.candidates(Pubmed(folder=str(tmp_path), licences=["publicdomain/zero"])))
    assert {c.drop for c in only_cc0[:3]} == {"licence"}


def test_an_article_cannot_pull_in_files_of_this_machine(tmp_path):
    (tmp_path / "secret").write_text("SECRET")
    article = (
        f'<!DOCTYPE article [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><article xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<fig id="F1"><caption><p>see &x;</p></caption></fig></article>'
    )
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        info = tarfile.TarInfo("PMC3/a.nxml")
        info.size = len(article)
        tar.addfile(info, io.BytesIO(article.encode()))
    (tmp_path / "PMC3.tar.gz").write_bytes(buffer.getvalue())
    (found,) = pubmed.candidates(Pubmed(folder=str(tmp_path), licences=[]))
    assert "SECRET" not in found.text


def test_tweets_lose_what_only_twitter_needs():
    text = "@bob Nice #melanoma case!\nSee https://t.co/x 😀 H&E, x200 a@b.c"
    assert openpath.clean(text) == "Nice melanoma case! See H&E, x200 a b.c"


def test_tweets_stay_inside_their_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    (tmp_path / "in" / "ok.jpg").write_bytes(b"picture")
    rows = [
        ("1", "u", "en", "text one", "ok.jpg"),
        ("2", "u", "fr", "texte", "ok.jpg"),
        ("3", "u", "en", "t", "../outside.jpg"),
    ]
    pd.DataFrame(rows, columns=["tweet_id", "user", "lang", "text", "image"]).to_csv(
        tmp_path / "in" / "tweets.csv", index=False
    )
    found = list(openpath.candidates(Openpath(folder=str(tmp_path / "in"), languages=["en"])))
    assert [(c.image, c.drop) for c in found] == [(b"picture", ""), (b"picture", "language"), (b"", "")]


@pytest.mark.slow
def test_laion_images_come_through_img2dataset_untouched(tmp_path):
    host = tmp_path / "mirror" / "images.example.org" / "a"
    host.mkdir(parents=True)
    picture = jpeg(Image.fromarray(tile(5)))
    (host / "1.jpg").write_bytes(picture)
    rows = {
        "URL": [f"http://images.example.org/a/{n}.jpg" for n in (1, 2, 1, 1)],
        "TEXT": ["one", "dead", "low", "bad"],
        "similarity": [0.4, 0.4, 0.1, 0.4],
        "punsafe": [0.0, 0.0, 0.0, 0.9],
    }
    write_table(tmp_path / "laion.parquet", pd.DataFrame(rows))
    found = list(laion.candidates(Laion(folder=str(tmp_path), min_similarity=0.28, max_unsafe=0.5)))
    assert [c.drop for c in found] == ["", "download_failed", "low_similarity", "unsafe"]
    assert found[0].image == picture
    assert found[0].provenance == "http://images.example.org/a/1.jpg"
