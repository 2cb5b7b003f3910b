"""Stage `videos` run on a catalog, for the tests of its parts."""

import shutil

import pandas as pd
import pytest
from conftest import ROOT

from stages.common.data.files import read_json


@pytest.fixture
def run_videos(tmp_path, monkeypatch, base, params):
    """Run stage videos in tmp_path; return status.parquet by id, videos.parquet by id, and the metrics."""
    from stages.videos import __main__ as stage

    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stages.videos.verdicts.filter_digest", lambda folder: "a" * 64)

    def tables():
        status = pd.read_parquet("data/videos/status.parquet").set_index("id")
        return status, pd.read_parquet("data/videos/videos.parquet").set_index("video_id")

    def run(folder, max_failed=1.0, **changes):
        rules = params.model_copy(update={"catalog": str(folder.relative_to(tmp_path)), **changes})
        stage.run(rules, base.model_copy(update={"max_failed": max_failed}))
        return *tables(), read_json(tmp_path / "reports/metrics/videos.json")

    run.tables = tables
    return run
