"""What is read of a table of fingerprints is what is in it."""

import numpy as np
import pandas as pd

from stages.common.tables import schema
from stages.common.tables.fingerprints import FEATURE, IMAGES
from stages.dataset.fingerprints import Fingerprints

COUNTS = [3, 0, 5, 1, 2, 4, 0, 6]  # local features of each image


def table():
    rng = np.random.default_rng(0)
    rows = [
        {
            **{"image": f"t.tar#{n}.jpg", "sha256": f"{n:064d}", "hash": rng.bytes(32), "mirrored": rng.bytes(32)},
            "embedding": rng.standard_normal(4).astype(np.float16).tobytes(),
            **{"blobs": rng.bytes(FEATURE.itemsize * count), "spots": b"", "width": 9, "height": 9, "error": ""},
        }
        for n, count in enumerate(COUNTS)
    ]
    return pd.DataFrame(rows, columns=IMAGES.names)


def test_a_file_is_read_in_the_order_of_the_images_that_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(schema, "PART", 3)
    frame = table()
    IMAGES.write(IMAGES.at(), frame)
    asked = frame.iloc[[6, 2, 7, 0]]
    found, expected = Fingerprints.read(IMAGES, asked.image), Fingerprints.of(asked)
    for name in ("images", "sha256", "hashes", "mirrored", "embeddings"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert found.blobs.table.tobytes() == b"".join(asked.blobs)
    assert found.blobs.picture.tolist() == expected.blobs.picture.tolist() == [1] * 5 + [2] * 6 + [3] * 3
    assert len(Fingerprints.read(IMAGES, asked.image[:0]).blobs.table) == 0
