"""Put a whole run on one page: all metrics in, reports/index.html out."""

from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.report.params import Params

METRICS, PLOTS = Path("reports/metrics"), Path("reports/plots")


def run(params: Params, base: Base) -> dict[str, Any]:
    """Draw the charts and write the page."""
    from stages.common.data.files import read_json
    from stages.common.stage.notes import note_on_run
    from stages.common.stage.params import load_all_params
    from stages.report.page import build
    from stages.report.plots import draw_all

    metrics = {path.stem: read_json(path) for path in METRICS.glob("*.json")}
    names = draw_all(metrics, PLOTS / "quiltnet.csv", PLOTS / "charts")
    pages = [PLOTS / "charts" / name for name in names]
    note, pairs = note_on_run(load_all_params()), Path("data/dataset/pairs.parquet")
    return build(params, note, METRICS, pairs, pages, Path("reports/index.html"), base.seed)


if __name__ == "__main__":
    run_stage("report", run, __doc__)
