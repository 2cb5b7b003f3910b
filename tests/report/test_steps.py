"""The picture of the steps is whole and small, and holds nothing of data that are not the demo's."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from stages.common.data.files import read_json
from stages.report.steps import PairExample, draw_steps

METRICS = read_json(ROOT / "reports/metrics.json")
SENTENCE = {
    "raw": "Here the laminopropria is seen with very many more plasma cells than there should be of them.",
    "text": "Here the lamina propria is seen with very many more plasma cells than there should be of them.",
    "corrections": [{"from": "laminopropria", "to": "lamina propria", "by": "lexicon", "score": 0.9}],
    "entities": [{"term": "lamina propria", "semantic_type": "Anatomy"}],
}


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draw the picture; its file and what is written in it."""
    figures, save = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *args, **named: figures.append(self) or save(self, *args, **named)
    )

    def draw(example, metrics=METRICS):
        draw_steps(metrics, example, tmp_path / "steps.webp")
        FigureCanvasAgg(figures[-1]).draw()
        found = figures[-1].findobj(lambda one: hasattr(one, "get_text") and one.get_visible() and one.get_text())
        for text in found:
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= figures[-1].bbox.x1 + 1, text.get_text()
        return tmp_path / "steps.webp", " ".join(text.get_text() for text in found)

    return draw


def test_it_shows_the_pair_and_what_was_counted(drawn):
    rng = np.random.default_rng(0)
    frame = Image.fromarray(rng.integers(0, 255, (90, 160, 3), np.uint8))
    trace = pd.DataFrame({"x": [0.1, 0.2], "y": [0.1, 0.2]})
    example = PairExample(frame, frame, trace, [0.1, 0.1, 0.4, 0.5], SENTENCE, {"quilt": frame, "pubmed": frame})
    file, said = drawn(example)
    assert "laminopropria" in said
    assert "“laminopropria” → “lamina propria”" in said
    assert f"{METRICS['dataset']['pairs']:,} of {METRICS['dataset']['candidates']:,} pairs" in said
    assert Image.open(file).format == "WEBP"


def test_of_other_data_there_are_numbers_alone_also_before_a_model_is_there(drawn):
    _, said = drawn(None, {"videos": {"ok": 4504, "items": 9000}})
    assert "4,504 of 9,000" in said
    assert "heard" not in said


def test_the_committed_picture_is_small_enough_for_a_readme():
    picture = ROOT / "reports/steps.webp"
    assert picture.stat().st_size < 200_000
    assert "](reports/steps.webp)" in (ROOT / "README.md").read_text()
