"""A clone in which no earlier stage has run."""

import re
from types import SimpleNamespace

import pytest

from stages.common.errors import StageError
from stages.fingerprints.__main__ import run


def test_without_any_pairs_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = ("data/pairs/pairs.parquet", "data/sources/*/pairs.parquet", "data/sources/more/*/pairs.parquet")
    said = f"no pairs: none of {', '.join(places)} is there: run `dvc repro fingerprints`"
    with pytest.raises(StageError, match=f"^{re.escape(said)}$"):
        run(None, SimpleNamespace(device="cpu"))
