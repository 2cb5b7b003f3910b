"""Put a whole run on one page, and its scores in tables: all metrics in, reports/index.html and reports/tables out."""

from typing import Any

from stages.common.paths import (
    ALL_METRICS_FILE,
    CHARTS_DIR,
    METRICS_DIR,
    PAGE_FILE,
    STEPS_PICTURE_FILE,
    TABLES_DIR,
    TRAINING_CURVE_FILE,
    VEGA_FILE,
)
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.report.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Draw the charts and write the page and the tables."""
    from stages.common.data.files import read_json, write_json
    from stages.common.stage.notes import is_of_the_demo, note_on_run
    from stages.common.stage.params import load_all_params
    from stages.common.tables.dataset import DATASET_TABLE
    from stages.report.page import build
    from stages.report.plots import draw_all
    from stages.report.published import read_published
    from stages.report.steps import draw_steps, example_of
    from stages.report.tables import write_tables
    from stages.report.vega import write_vega

    metrics = {path.stem: read_json(path) for path in sorted(METRICS_DIR.glob("*.json"))}
    write_json(ALL_METRICS_FILE, metrics)
    write_vega(VEGA_FILE)
    names = draw_all(metrics, TRAINING_CURVE_FILE, CHARTS_DIR)
    pages = [CHARTS_DIR / name for name in names]
    all_params: dict[str, Any] = load_all_params()
    example = example_of(DATASET_TABLE.at()) if is_of_the_demo(all_params["videos"].catalog) else None
    draw_steps(metrics, example, STEPS_PICTURE_FILE)
    note, drawn = note_on_run(all_params), is_of_the_demo(all_params["evaluation"].evalsets)
    tables = write_tables(metrics, read_published(), note, drawn, TABLES_DIR)
    return build(params, note, metrics, DATASET_TABLE.at(), pages, PAGE_FILE, base.seed) | {"tables": tables}


if __name__ == "__main__":
    run_stage("report", run, __doc__)
