"""Put a whole run on one page: all metrics in, reports/index.html out."""

from typing import Any

from stages.common.paths import CHARTS_DIR, METRICS_DIR, PAGE_FILE, TRAINING_CURVE_FILE
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.report.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Draw the charts and write the page."""
    from stages.common.data.files import read_json
    from stages.common.stage.notes import note_on_run
    from stages.common.stage.params import load_all_params
    from stages.common.tables.dataset import DATASET_TABLE
    from stages.report.page import build
    from stages.report.plots import draw_all

    metrics = {path.stem: read_json(path) for path in METRICS_DIR.glob("*.json")}
    names = draw_all(metrics, TRAINING_CURVE_FILE, CHARTS_DIR)
    pages = [CHARTS_DIR / name for name in names]
    note, pairs = note_on_run(load_all_params()), DATASET_TABLE.at()
    return build(params, note, METRICS_DIR, pairs, pages, PAGE_FILE, base.seed)


if __name__ == "__main__":
    run_stage("report", run, __doc__)
