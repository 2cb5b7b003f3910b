"""The stage in a clone in which no earlier one has run, and what no later one could read."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest

from stages.common.errors import StageError
from stages.fingerprints.__main__ import check_readable, run


def test_without_any_pairs_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = ("data/pairs/pairs.parquet", "data/sources/*/pairs.parquet", "data/sources/more/*/pairs.parquet")
    said = f"no pairs: none of {', '.join(places)} is there: run `dvc repro fingerprints`"
    with pytest.raises(StageError, match=f"^{re.escape(said)}$"):
        run(None, SimpleNamespace(device="cpu"))


def test_an_image_of_a_test_set_that_takes_its_worker_along_is_named():
    check_readable(pd.Series({"a.png": "", "b.png": "unreadable_image"}))
    with pytest.raises(StageError, match=r"^c.png: worker_died when it was read: take it out of the test set$"):
        check_readable(pd.Series({"a.png": "", "c.png": "worker_died"}))
