"""The one page that shows a whole run, without a request to anything. All text from outside is escaped.

Its bytes follow from what the stage depends on. What differs from machine to machine is on a page of its own
(stages.report.machine).
"""

import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.tables.dataset import SPLITS
from stages.common.tables.evaluation import SetErrors
from stages.report.card import distributions, judged
from stages.report.census import Census
from stages.report.charts import KEPT, Chart, stacks
from stages.report.flow import Step
from stages.report.models import human_readers, part_charts, task_charts
from stages.report.pairs import GROUPS, OTHER, SMALL, PairReader, ShownPair
from stages.report.run import PAGES, digests
from stages.report.summary import headline, intervals

TEMPLATES = Path(__file__).parent / "templates"


def build(
    title: str,
    note: str,
    metrics: Mapping[str, Any],
    census: Census,
    reader: PairReader,
    *,
    steps: Sequence[Step] = (),
    differences: Sequence[tuple[str, str, str]] = (),
    readers: pd.DataFrame | None = None,
    training: Sequence[Chart] = (),
    confusions: Sequence[Chart] = (),
    errors: Mapping[str, SetErrors] | None = None,
    published: pd.DataFrame | None = None,
) -> str:
    """Return the page, as HTML. `metrics` holds those of every stage by its name; what is left out was not made."""
    nothing = pd.DataFrame()
    return render(
        "page.html.j2",
        title=title,
        note=note,
        headline=headline(metrics),
        intervals=intervals(metrics),
        pages=PAGES,
        differences=pd.DataFrame(differences, columns=["parameter", "here", "in the paper's run"]),
        digests=digests(metrics, census.path),
        steps=steps,
        funnel=funnel(steps),
        census=census,
        splits=SPLITS,
        distributions=distributions(census),
        judged=judged(metrics.get("audit", {})),
        readers=nothing if readers is None else readers,
        groups=[*GROUPS, OTHER],
        worked=worked(census, reader),
        doubtful=[reader.show(row, size=SMALL) for row in census.examples("doubtful")],
        sample=[reader.show(row, size=SMALL) for row in census.examples("sample")],
        scores=[*task_charts(metrics), *part_charts(metrics), *training],
        confusions=confusions,
        errors=errors or {},
        published=nothing if published is None else published,
        human=human_readers(metrics),
        tables=[(name, flat(values)) for name, values in metrics.items()],
    )


def render(template: str, **content: Any) -> str:
    """A page from one of TEMPLATES, with the script that draws its charts."""
    import jinja2

    specs: list[dict[str, Any]] = []

    def number(chart: Chart) -> int:
        """Under which number the page has the specification of a chart."""
        specs.append(chart.spec)
        return len(specs) - 1

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": cell, "number": number}
    return environment.get_template(template).render(specs=lambda: specs, bundle=bundle, **content)


@functools.cache
def bundle() -> Any:
    """The script of Vega-Lite and all that it needs."""
    import vl_convert
    from markupsafe import Markup

    return Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def cell(value: Any) -> str:
    """A value of a table as text: numbers with four digits, nothing for NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def flat(values: Any) -> pd.DataFrame:
    """Nested metrics as rows of a dotted key and its value."""
    return pd.DataFrame(_flat(values), columns=["key", "value"], dtype=object)


def _flat(values: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(values, Mapping):
        return [row for key, item in values.items() for row in _flat(item, f"{prefix}.{key}" if prefix else str(key))]
    return [(prefix, f"{values:.4g}" if isinstance(values, float) else json.dumps(values))]


def worked(census: Census, reader: PairReader) -> list[ShownPair]:
    """A pair of each reason and sub-pathology, and one that denies something; a pair that is more than one comes
    once."""
    whys: dict[str, list[str]] = {}
    rows: dict[str, Any] = {}
    for kind, words in (("reason", "{}"), ("sub_pathology", "{}"), ("negated", "something is absent")):
        for value in census.values(kind):
            for row in census.examples(kind, value):
                rows[row.pair_id] = row
                whys.setdefault(row.pair_id, []).append(words.format(value.replace("_", " ")))
    return [reader.show(rows[name], ", ".join(why).capitalize()) for name, why in whys.items()]


def funnel(steps: Iterable[Step]) -> Chart:
    """Of each step the share that was kept and the share that was dropped for each reason."""
    rows = []
    for number, step in enumerate(steps, 1):
        parts = [(KEPT, step.kept), *((drop.label, drop.count) for drop in step.drops)]
        rows += [[f"{number}. {step.name}", what, count, count / step.came] for what, count in parts if step.came]
    table = pd.DataFrame(rows, columns=["step", "became", "count", "share"])
    return stacks(table, "share", "step", "What became of what came to each step", shares=True)
