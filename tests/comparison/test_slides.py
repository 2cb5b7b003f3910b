"""Slides are cut where there is tissue, and pooled as MI-Zero pools."""

import io

import numpy as np
import pytest
import tifffile
import torch
from conftest import ROOT
from PIL import Image
from sklearn.metrics import balanced_accuracy_score

from stages.common.errors import StageError
from stages.common.models.weights import locate
from stages.comparison.slides import pooled, scores_of
from stages.comparison.tiles import read_tile, tiles_of
from stages.demo.real import SKIN_SLIDE, photograph
from stages.demo.tissue import paint


def place(reference):
    return tuple(map(int, reference.rpartition("#")[2].split(",")))


def picture(reference):
    with Image.open(io.BytesIO(read_tile(reference))) as found:
        return np.asarray(found.convert("RGB"))


@pytest.fixture
def slide(tmp_path):
    """Glass of 2048 x 1024 pixels at 0.25 microns with tissue in a square of 512 pixels, as a tiled TIFF with two
    levels."""
    pixels = np.full((1024, 2048, 3), 244, np.uint8)
    pixels[512:, 1024:1536] = np.asarray(paint("stroma", 512, 512, np.random.default_rng(0)))
    path = tmp_path / "slide.svs"
    about = "Aperio Image Library v1\n2048x1024 |AppMag = 40|MPP = 0.25"
    with tifffile.TiffWriter(path) as out:
        options = {"tile": (256, 256), "photometric": "rgb", "metadata": None}
        out.write(pixels, description=about, **options)
        out.write(pixels[::4, ::4], description=about, subfiletype=1, **options)
    return str(path)


def test_tiles_lie_where_there_is_tissue_at_the_resolution_asked_for(slide):
    assert [place(one) for one in tiles_of(slide, 256, 0.25)] == [
        (x, y, 256, 256) for y in (512, 768) for x in (1024, 1280)
    ]
    (only,) = tiles_of(slide, 256, 0.5)
    assert place(only) == (1024, 512, 512, 256)
    found = picture(only)
    assert found.shape == (256, 256, 3)
    assert found.mean() < 230, "tissue, not glass"


def test_tiles_of_a_real_slide_are_its_pixels():
    path = str(locate(SKIN_SLIDE))
    tiles = tiles_of(path, 256, 0.499)
    assert 20 < len(tiles) <= 8 * 11
    x, y, width, side = place(tiles[len(tiles) // 2])
    assert (width, side) == (256, 256)
    assert np.array_equal(picture(tiles[len(tiles) // 2]), photograph("skin")[y : y + 256, x : x + 256])


def test_a_slide_that_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "no.svs").write_bytes(b"no slide")
    with pytest.raises(StageError, match=r"no.svs: openslide cannot read it"):
        tiles_of(str(tmp_path / "no.svs"), 256, 0.5)
    with pytest.raises(StageError, match="smaller than one tile"):
        tiles_of(str(locate(SKIN_SLIDE)), 8192, 0.5)


@pytest.mark.parametrize("k", [1, 3, 5, 40])
def test_pooling_is_the_mean_of_the_k_most_similar_tiles(k):
    similarity = np.random.default_rng(k).normal(size=(12, 4)).astype(np.float32)
    theirs = torch.topk(torch.from_numpy(similarity), min(k, 12), dim=0).values.mean(0).numpy()
    assert pooled(similarity, k) == pytest.approx(theirs, abs=1e-6)


def test_a_few_telling_tiles_decide_with_small_k_and_drown_in_all():
    rng = np.random.default_rng(0)
    classes = np.eye(3, 16, dtype=np.float32)
    truth = np.arange(60) % 3
    slides = []
    for label in truth:
        tiles = 0.1 * rng.normal(size=(80, 16)) + 0.3 * classes[0]
        tiles[:5] += 0.9 * classes[label]
        slides.append((tiles / np.linalg.norm(tiles, axis=1, keepdims=True)).astype(np.float32))
    rows = {row["k"]: row for row in scores_of(truth, slides, classes, [5, 80], "balanced_accuracy", 200, 0)}
    assert rows[5]["score"] > 0.9 > rows[80]["score"]
    predicted = [np.sort(tiles @ classes.T, axis=0)[-5:].mean(0).argmax() for tiles in slides]
    assert rows[5]["score"] == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert (rows[5]["slides"], rows[5]["tiles"]) == (60, 4800)


def test_nothing_to_compare_says_what_to_name(monkeypatch):
    from types import SimpleNamespace

    from stages.comparison.slides import compare_slides

    monkeypatch.chdir(ROOT)
    with pytest.raises(StageError, match=r"comparison.slides: name a protocol"):
        compare_slides(SimpleNamespace(slides=""), None)
