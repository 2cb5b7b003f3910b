"""Hashes, embeddings and quality of images, readable or not."""

from types import SimpleNamespace

import imagehash
import numpy as np
import pytest
from PIL import Image

from stages.common.data.files import jpeg
from stages.common.data.tars import write_tar
from stages.fingerprints import work
from stages.fingerprints.work import perceptual_hashes


def smooth(seed, side=300):
    small = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def apart(a, b):
    return int(np.bitwise_count(np.frombuffer(a, np.uint8) ^ np.frombuffer(b, np.uint8)).sum())


def test_hashes_are_imagehashs_and_the_mirrored_one_is_of_the_mirror_image():
    picture = smooth(1)
    own, mirrored = perceptual_hashes(picture)
    theirs = imagehash.phash(Image.fromarray(picture), hash_size=16)
    assert np.array_equal(np.unpackbits(np.frombuffer(own, np.uint8)).astype(bool), theirs.hash.ravel())
    assert apart(mirrored, perceptual_hashes(np.ascontiguousarray(picture[:, ::-1]))[0]) <= 6
    assert apart(own, perceptual_hashes(smooth(1, 200))[0]) < 24
    assert apart(own, perceptual_hashes(smooth(2))[0]) > 60


@pytest.fixture
def table(tmp_path, monkeypatch, base):
    """Fingerprints of two images in a tar, a file, and what is not an image, with a filter that averages colours."""

    class Filter:
        def predict(self, pictures, flags=True):
            means = np.array([picture.mean((0, 1)) for picture in pictures], np.float32)
            raised = {"person": means[:, 1]} if flags else {}
            return SimpleNamespace(features=means, histology=means[:, 0] / 255, flags=raised)

    monkeypatch.setattr(work, "load_filter", lambda model, device: Filter() if device == "a GPU" else None)
    monkeypatch.setattr(work, "filter_digest", lambda model: "")
    images = {"a.jpg": jpeg(Image.fromarray(smooth(1))), "b.jpg": b"no image"}
    write_tar(tmp_path / "t.tar", images)
    (tmp_path / "c.jpg").write_bytes(images["a.jpg"])
    references = [f"{tmp_path}/t.tar#a.jpg", f"{tmp_path}/t.tar#b.jpg", f"{tmp_path}/c.jpg"]
    rows = work.fingerprints(references, tmp_path, 8, base, "a GPU", tmp_path / "state")
    return references, rows.table(references)


def test_every_image_is_a_row_in_its_place(table):
    references, rows = table
    assert rows.image.tolist() == references
    assert rows.error.tolist() == ["", "unreadable_image", ""]
    assert rows.sha256[0] == rows.sha256[2] != rows.sha256[1]
    assert rows.hash[0] == rows.hash[2]
    assert (rows.width[0], rows.height[0]) == (300, 300)
    assert rows.flag_person[[0, 2]].tolist() == pytest.approx([smooth(1)[..., 1].mean()] * 2, abs=2)
    assert np.isnan(rows.flag_text).all()


def test_embeddings_are_unit_vectors_of_so_many_numbers(table):
    _, rows = table
    vector = np.frombuffer(rows.embedding[0], np.float16).astype(np.float32)
    assert vector.shape == (8,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-2)
