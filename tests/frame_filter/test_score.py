"""`score FOLDER`: figures of the fitted filter on labelled frames that it has not seen."""

import re

import cv2
import numpy as np
import pandas as pd
import pytest

from stages.common.errors import StageError
from stages.common.frame_filter.prediction import Prediction
from stages.frame_filter import score as module
from stages.frame_filter.score import score


class ByBrightness:
    """A filter that takes bright frames for histology, and for persons."""

    threshold = 0.5

    def predict(self, images, flags=True):
        bright = np.array([image.mean() / 255 for image in images], np.float32)
        return Prediction(np.zeros((len(images), 1), np.float32), bright, {"person": bright})


@pytest.fixture
def by_brightness(monkeypatch):
    monkeypatch.setattr(module, "load_filter", lambda model, device: ByBrightness())


def write(folder, rows):
    folder.mkdir()
    for number, row in enumerate(rows):
        row["file"] = f"{number}.png"
        cv2.imwrite(str(folder / row["file"]), np.full((8, 8, 3), row.pop("light"), np.uint8))
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)


def test_figures_are_those_counted_by_hand(tmp_path, capsys, by_brightness):
    lights = {"histology": [200, 210, 220, 20], "other": [10, 30, 40, 50, 240]}
    rows = [
        {"label": label, "source": f"lab_{n % 2}", "kind": f"{label} kind", "person": int(light == 240), "light": light}
        for label, own in lights.items()
        for n, light in enumerate(own)
    ]
    write(tmp_path / "mine", rows)
    assert score(tmp_path / "mine", tmp_path / "model", "cpu", 0) == {"items": 9, "kept": 4}
    out = capsys.readouterr().out
    assert "balanced accuracy  0.775 (" in out
    assert "recall             0.750 (" in out
    assert "specificity        0.800 (" in out
    assert "AUROC              0.650 (" in out  # 13 of 20 pairs are in order
    assert "flag person: found in 1 of 1 frames that show it, and in 3 of 8 that do not" in out
    assert "histology kind" in out


@pytest.mark.filterwarnings("error")
def test_few_sources_of_one_label_each_have_intervals_all_the_same(tmp_path, capsys, by_brightness):
    rows = [{"label": "histology", "source": f"a_{n}", "light": light} for n, light in enumerate((200, 20, 210))]
    rows += [{"label": "other", "source": f"b_{n}", "light": light} for n, light in enumerate((10, 240))]
    write(tmp_path / "mine", rows)
    score(tmp_path / "mine", tmp_path / "model", "cpu", 0)
    assert re.search(r"balanced accuracy  0\.583 \(0\.\d+ to 1\.000\)", capsys.readouterr().out)


def test_frames_of_one_label_are_refused(tmp_path, by_brightness):
    write(tmp_path / "mine", [{"label": "histology", "source": "a", "light": 200}] * 1)
    with pytest.raises(StageError, match=r"labels\.csv: no frame is labelled other: label some of both"):
        score(tmp_path / "mine", tmp_path / "model", "cpu", 0)
