"""Put a whole run on one page, and its scores in tables: reports/index.html and reports/tables out.

What only this machine knows, such as how long stages took, goes to reports/timings/index.html, which nothing tracks;
`python -m stages.report machine` makes that page alone.
"""

from typing import Any

from stages.common.paths import (
    ALL_METRICS_FILE,
    CHARTS_DIR,
    EVALUATION_DIR,
    METRICS_DIR,
    PAGE_FILE,
    REVIEWS_DIR,
    STEPS_PICTURE_FILE,
    SUMMARY_FILE,
    TABLES_DIR,
    TRAINING_CURVE_FILE,
    VEGA_FILE,
)
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.report.params import Params

ALL, MACHINE = "all", "machine"


def run(params: Params, base: Base, what: str) -> dict[str, Any]:
    """Draw the charts and write the pages, the summary and the tables."""
    from stages.common.data.files import write_bytes
    from stages.report import machine

    made = _of_the_run(params, base) if what == ALL else {"pages": 1}
    write_bytes(machine.PAGE_FILE, machine.build(f"{params.title}: this machine").encode())
    return made


def _of_the_run(params: Params, base: Base) -> dict[str, Any]:
    """What the pipeline tracks, as counts of it."""
    from stages.common.data.files import read_json, write_bytes, write_json
    from stages.common.reviews import WITHDRAW, read_reviews
    from stages.common.stage.notes import is_of_the_demo, note_on_run
    from stages.common.stage.params import load_all_params
    from stages.common.tables.dataset import DATASET_TABLE
    from stages.report import page
    from stages.report.card import readers
    from stages.report.census import Census
    from stages.report.flow import flow
    from stages.report.models import confusions, published_table, sure_errors, training
    from stages.report.pairs import PairReader
    from stages.report.plots import draw_all
    from stages.report.published import read_published
    from stages.report.run import differences
    from stages.report.steps import draw_steps, example_of
    from stages.report.summary import summarise, summary_text
    from stages.report.tables import write_tables
    from stages.report.vega import write_vega

    metrics = {path.stem: read_json(path) for path in sorted(METRICS_DIR.glob("*.json"))}
    write_json(ALL_METRICS_FILE, metrics)
    write_vega(VEGA_FILE)
    charts = draw_all(metrics, TRAINING_CURVE_FILE, CHARTS_DIR)
    all_params: dict[str, Any] = load_all_params()
    example = example_of(DATASET_TABLE.at()) if is_of_the_demo(all_params["videos"].catalog) else None
    draw_steps(metrics, example, STEPS_PICTURE_FILE)
    note, drawn = note_on_run(all_params), is_of_the_demo(all_params["evaluation"].evalsets)
    tables = write_tables(metrics, published := read_published(), note, drawn, TABLES_DIR)
    reviews = read_reviews(REVIEWS_DIR)
    withdrawn = frozenset(reviews.image[reviews.action == WITHDRAW])
    census, reader = Census(DATASET_TABLE.at(), base.seed, params.gallery, withdrawn), PairReader()
    html = page.build(
        params.title,
        note,
        metrics,
        census,
        reader,
        steps=flow(census, reader, all_params["dataset"].sources),
        differences=differences(all_params),
        readers=readers(),
        training=training(TRAINING_CURVE_FILE),
        confusions=confusions(EVALUATION_DIR / "zero_shot"),
        errors=sure_errors(),
        published=published_table(metrics, published, drawn),
    )
    write_bytes(PAGE_FILE, html.encode())
    write_bytes(SUMMARY_FILE.with_suffix(".txt"), summary_text(params.title, note, metrics).encode())
    write_json(SUMMARY_FILE, summarise(metrics))
    return {"items": census.kept, "charts": len(charts), "metrics": len(metrics), "tables": tables}


if __name__ == "__main__":
    run_stage("report", run, __doc__, choices=(ALL, MACHINE), default=ALL)
