"""Charts are whole: nothing is cut off or covered, and every bar has its interval."""

import itertools
import json
import re

import pandas as pd
import pytest
from conftest import ROOT
from matplotlib.backends.backend_agg import FigureCanvasAgg

from stages.report import plots


def scores(models, sets):
    row = {"balanced_accuracy": 0.5, "balanced_accuracy_low": 0.3, "balanced_accuracy_high": 0.9, "chance": 0.125}
    return {model: dict.fromkeys((*sets, "mean"), row) for model in models} | {"protocol": {"name": "x"}}


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draw every chart of some metrics; the figures by name."""
    figures = {}
    monkeypatch.setattr(plots, "_save", lambda figure, path: figures.update({path.stem: figure}) or path.name)

    def draw(metrics):
        curve = tmp_path / "curve.csv"
        pd.DataFrame({"epoch": [1], "train": [2.0], "val": [None]}).to_csv(curve, index=False)
        assert sorted(plots.draw_all(metrics, curve, tmp_path)) == ["loss.png", "sources.png", "zero_shot.png"]
        return figures

    return draw


@pytest.mark.parametrize("count", [2, 12])
def test_no_text_is_cut_off_and_none_covers_another_part(drawn, count):
    sets = [f"a_set_of_a_long_name_{n}" for n in range(count)]
    reasons = {f"leak_{name}": 3 for name in sets} | {"near_duplicate": 1_234_567}
    metrics = {
        "zero_shot": scores(("start", "tuned", "hf-hub_a_model_of_somebody_else"), sets),
        "dataset": {"per_source": {"quilt": 700_000, "pubmed": 59_000}, "dropped": reasons},
    }
    for name, figure in drawn(metrics).items():
        FigureCanvasAgg(figure).draw()
        axes = figure.axes[0]
        parts = [axes.get_tightbbox(), figure.legends[0].get_window_extent(), figure._suptitle.get_window_extent()]
        for box in parts:
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, name
            assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, name
        assert not any(one.overlaps(other) for one, other in itertools.combinations(parts, 2)), name
        ticks = [tick.get_window_extent() for tick in axes.get_xticklabels() if tick.get_rotation() == 0]
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(ticks)), name


def test_every_model_has_a_bar_and_an_interval_for_each_set(drawn):
    metrics = {"zero_shot": scores(("start", "tuned", "other"), ("one",)), "dataset": {"per_source": {}, "dropped": {}}}
    axes = drawn(metrics)["zero_shot"].axes[0]
    assert len(axes.patches) == 6
    bars = [container for container in axes.containers if hasattr(container, "errorbar")]
    lines = [segment for bar in bars for segment in bar.errorbar.lines[2][0].get_segments()]
    assert [tuple(line[:, 1]) for line in lines] == [(0.3, 0.9)] * 6


def test_plots_of_dvc_have_titles_and_named_axes_and_show_nothing_twice():
    from stages.common.data.files import read_yaml

    pipeline = read_yaml(ROOT / "dvc.yaml")
    shown = [next(iter(plot.items())) for plot in pipeline["plots"] if isinstance(plot, dict)]
    assert len(shown) > 3
    for name, options in shown:
        assert re.match(r"[A-Z]", options.get("title", name)), name
        assert options["x_label"] and options["y_label"], name
    files = [json.dumps(options["y"] if isinstance(options["y"], dict) else name) for name, options in shown]
    assert len(set(files)) == len(files)
    assert not any("plots" in stage for stage in pipeline["stages"].values()), "DVC shows these beside the ones above"
