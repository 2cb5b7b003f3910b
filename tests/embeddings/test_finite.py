"""Vectors that are not finite are not kept."""

import numpy as np
import pytest

from stages.common.errors import StageError
from stages.common.models.vectors import VectorCache


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_broken_model_is_named_and_nothing_is_written(tmp_path, value):
    vectors = np.ones((4, 3), np.float32)
    vectors[1:3, 2] = value
    cache = VectorCache(tmp_path, tmp_path / "keys.json")
    with pytest.raises(StageError, match="tuned/lung.images.safetensors: 2 of 4 vectors are not finite"):
        cache.keep("tuned/lung.images.safetensors", "key", lambda: vectors)
    assert not (tmp_path / "tuned/lung.images.safetensors").exists()
