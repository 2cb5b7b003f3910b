"""Large images are decoded one at a time, whatever the number of workers, and judged in a smaller picture."""

import threading

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from stages.common.data.files import jpeg
from stages.common.data.references import ImageReader
from stages.sources import filters
from stages.sources.candidate import Candidate

TEXT = "a section of skin with many small nuclei"


def encoded(side):
    return jpeg(Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)))


@pytest.fixture
def filtered(tmp_path, monkeypatch, stage_params):
    """Filter an image of this side, in a thread; return it and a list that gets what came of it."""
    monkeypatch.setattr(filters, "UNFINISHED_DIR", tmp_path / "unfinished")
    monkeypatch.setattr(filters, "LARGE", 200 * 200)
    found = []

    def start(side):
        candidate = Candidate("a", "g", encoded(side), TEXT, "somewhere")
        given = candidate, stage_params("sources"), ImageReader()
        thread = threading.Thread(target=lambda: found.append(filters.apply_filters(*given)))
        thread.start()
        return thread, found

    start.lock = tmp_path / "unfinished" / "large.lock"
    start.lock.parent.mkdir()
    return start


def test_a_large_image_waits_for_another_and_a_small_one_does_not(filtered):
    with FileLock(filtered.lock):
        small, found = filtered(200)
        small.join(20)
        assert [image.width for image in found] == [200]
        large, _ = filtered(300)
        large.join(0.5)
        assert large.is_alive()
    large.join(20)
    assert [image.width for image in found] == [200, 300]
    assert found[1].picture.shape == (200, 200, 3)
    assert found[1].data == encoded(300)
