"""Shared fixtures."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def params():
    """Return a block of the committed params.yaml, with overrides."""
    from stages.common.params import load

    def block(name, **changes):
        found, _ = load(name, ROOT / "params.yaml")
        return found.model_copy(update=changes)

    return block


@pytest.fixture
def base():
    """The block `base`, for work in this process."""
    from stages.common.params import load

    return load("base", ROOT / "params.yaml")[1].model_copy(update={"jobs": 1})
