"""Frames are asked about where the filter is least sure."""

import numpy as np
import pandas as pd
import pytest
from recording import record

from stages.common.errors import StageError
from stages.common.frame_filter.prediction import FLAGS, Prediction
from stages.frame_filter import uncertain


class FakeFilter:
    threshold = 0.5

    def predict(self, images, flags=True):
        scores = np.array([image.mean() / 255 for image in images], np.float32)
        return Prediction(scores[:, None], scores, {})


def test_the_least_sure_frames_of_many_videos_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(uncertain, "load_filter", lambda model, device: FakeFilter())
    for n, levels in enumerate([(20, 120, 230), (140, 250, 10)]):
        frames = [np.full((48, 64, 3), level, np.uint8) for level in levels for _ in range(5)]
        record(tmp_path / "media" / f"v{n}.mp4", frames, fps=1)
    (tmp_path / "media" / "bad.mp4").write_bytes(b"junk")
    done = uncertain.write_uncertain(tmp_path / "media", tmp_path, tmp_path / "out", 2, 1, "cpu")
    assert done["frames"] == 2
    table = pd.read_csv(tmp_path / "out" / "labels.csv", keep_default_na=False)
    assert list(table.columns) == ["file", "label", "source", *FLAGS]
    assert set(table.source) == {"v0", "v1"}
    assert (table.label == "").all()
    assert sorted(table.file) == sorted(path.name for path in (tmp_path / "out").glob("*.jpg"))
    assert set(table.file) == {"v0_00005000.jpg", "v1_00000000.jpg"}, "grey is nearest to the threshold"


def test_no_videos_says_what_to_run(tmp_path):
    with pytest.raises(StageError, match="holds no video: run `dvc repro videos`"):
        uncertain.write_uncertain(tmp_path, tmp_path, tmp_path, 2, 1, "cpu")


def test_labels_that_a_person_has_given_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(uncertain, "load_filter", lambda model, device: FakeFilter())
    out = tmp_path / "out"
    for name in ("v0", "v1"):
        frames = [np.full((48, 64, 3), level, np.uint8) for level in (20, 120, 230) for _ in range(5)]
        record(tmp_path / "media" / f"{name}.mp4", frames, fps=1)
        uncertain.write_uncertain(tmp_path / "media", tmp_path, out, 1, 1, "cpu")
        table = pd.read_csv(out / "labels.csv", dtype=str, keep_default_na=False)
        table.loc[0, ["label", "arrow"]] = ("histology", "1") if name == "v0" else ("other", "")
        table.to_csv(out / "labels.csv", index=False)
        (tmp_path / "media" / f"{name}.mp4").unlink()
    table = pd.read_csv(out / "labels.csv", dtype=str, keep_default_na=False).sort_values("source")
    assert table.source.tolist() == ["v0", "v1"]
    assert table.label.tolist() == ["histology", "other"]
    assert table.arrow.tolist() == ["1", ""]
    assert all((out / file).exists() for file in table.file)
