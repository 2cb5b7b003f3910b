"""A run repeats: another clone, in which nothing has run, gets the same bytes."""

import re
import shutil

import pytest
from scratch import Scratch


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_from_scratch_elsewhere_gives_the_same_lock(finished, tmp_path):
    before, other = Scratch(finished), Scratch.clone(tmp_path)
    other.ran("dvc", "repro", "preflight")
    for part in ("catalog", "evalsets", "frames", "tissue"):  # take longest to draw; tests/demo shows that they repeat
        shutil.copytree(before.folder / "data/demo" / part, other.folder / "data/demo" / part)
    shutil.copytree(before.folder / "data/demo/gold", other.folder / "data/demo/gold", dirs_exist_ok=True)
    other.call(
        "dvc", "commit", "-f", *(f"data/demo/dvc.yaml:{name}" for name in ("videos", "evalsets", "frames", "tissue"))
    )
    _, out = other.ran("dvc", "repro", "dataset", "rois", "lexicon")
    assert re.findall(r"Running stage 'data/demo/dvc.yaml:(\w+)'", out) == ["exports"]
    expected, after = before.lock(), other.lock()
    assert set(after) >= {"videos", "keyframes", "transcripts", "captions", "pairs", "dataset"}
    for name, stage in after.items():
        assert stage == expected[name], name
