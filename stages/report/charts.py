"""Charts of the page, in Vega-Lite, each with the table that says the same to those who do not see it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

SCORE, KEPT = "score", "kept"
LABEL = 170  # pixels of the name of a bar, at most
ROOM = 40  # pixels beside the bars, for the number of the longest
BAR = 18  # pixels of a bar and the gap below it
# Each is 3 to 1 or more against a white page and a dark one; grey is for the model that training began with.
PALETTE = ["#80868f", "#9d4edd", "#0f8b8d", "#d1620a", "#3d7bd9", "#d43d5e"]


@dataclass(frozen=True)
class Chart:
    """A chart: its title, the Vega-Lite specification, its numbers as a table, and a note."""

    title: str
    spec: dict[str, Any]
    table: pd.DataFrame
    note: str = ""


def bars(table: pd.DataFrame, value: str, of: str, title: str, note: str = "") -> Chart:
    """A horizontal bar for each row, with its number."""
    import altair as alt

    y = alt.Y(of, type="nominal", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL))
    x = alt.X(value, type="quantitative", axis=alt.Axis(tickMinStep=1))
    base = alt.Chart(_data(table)).encode(y=y, x=x, tooltip=_tooltips(table))
    labels = base.mark_text(align="left", dx=3).encode(text=alt.Text(value, type="quantitative", format=",.4~r"))
    spec = _spec(base.mark_bar(color=PALETTE[1]) + labels, len(table))
    return Chart(title, spec | {"padding": {"left": 5, "top": 5, "bottom": 5, "right": ROOM}}, table, note)


def stacks(table: pd.DataFrame, value: str, of: str, title: str, shares: bool = False) -> Chart:
    """A horizontal bar for each of the column `of`, in parts by the column `became`: what was KEPT, then the others."""
    import altair as alt

    scale = alt.Scale(domain=[0, 1]) if shares else alt.Undefined
    axis = alt.Axis(format="%") if shares else alt.Axis(tickMinStep=1)
    ranked = table.assign(rank=(table.became != KEPT).astype(int))
    chart = (
        alt.Chart(_data(ranked))
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X(value, type="quantitative", scale=scale, axis=axis),
            y=alt.Y(of, type="nominal", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL)),
            color=alt.condition("datum.rank", alt.value(PALETTE[3]), alt.value(PALETTE[1])),
            detail=alt.Detail("became", type="nominal"),
            order=alt.Order("rank", type="quantitative"),
            tooltip=_tooltips(table),
        )
    )
    return Chart(title, _spec(chart, table[of].nunique()), table, "Purple was kept, orange dropped.")


def histogram(table: pd.DataFrame, value: str, of: str, title: str, note: str = "") -> Chart:
    """A bar for each row, which has the bin `from` .. `to` of what `of` says."""
    import altair as alt

    chart = (
        alt.Chart(_data(table))
        .mark_bar(color=PALETTE[1])
        .encode(
            x=alt.X("from", type="quantitative", title=of, bin="binned"),
            x2="to",
            y=alt.Y(value, type="quantitative"),
            tooltip=_tooltips(table),
        )
    )
    return Chart(title, _spec(chart, 0, height=170), table, note)


def scores(table: pd.DataFrame, of: str, title: str, note: str = "") -> Chart:
    """Points with intervals (score, low, high) for each model, by the column `of`; a tick where chance is, if known."""
    import altair as alt

    models = list(table.model.unique())
    domain = alt.Scale(domain=models, range=PALETTE)
    y = alt.Y(of, type="nominal", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL, grid=True))
    base = alt.Chart(_data(table)).encode(y=y, tooltip=_tooltips(table))
    own = base.encode(
        yOffset=alt.YOffset("model", type="nominal", scale=alt.Scale(domain=models)),
        color=alt.Color("model", type="nominal", scale=domain, title=None),
    )
    shape = alt.Shape("model", type="nominal", scale=alt.Scale(domain=models), title=None)
    x = alt.X(SCORE, type="quantitative", scale=alt.Scale(domain=[0, 1]), title=note.partition(";")[0] or SCORE)
    layers = own.mark_rule(strokeWidth=2).encode(x=alt.X("low", type="quantitative"), x2="high")
    layers += own.mark_point(filled=True, size=70, opacity=1).encode(x=x, shape=shape)
    if "chance" in table:
        layers += base.mark_tick(color=PALETTE[0], thickness=2).encode(x=alt.X("chance", type="quantitative"))
        note += "; the grey tick is chance"
    return Chart(title, _spec(layers, table[of].nunique() * max(1, len(models))), table, note)


def lines(table: pd.DataFrame, x: str, y: str, of: str, title: str, note: str = "") -> Chart:
    """A line for each value of the column `of`, with a band where the table has low and high."""
    import altair as alt

    names = list(table[of].unique())
    scale, legend = alt.Scale(domain=names, range=PALETTE), alt.Legend(symbolOpacity=1, symbolType="circle")
    colour = alt.Color(of, type="nominal", scale=scale, legend=legend, title=None)
    base = alt.Chart(_data(table)).encode(
        x=alt.X(x, type="ordinal", sort=None, axis=alt.Axis(labelAngle=0)), color=colour, tooltip=_tooltips(table)
    )
    across = alt.Y(y, type="quantitative", scale=alt.Scale(zero=False))
    layers = base.mark_line(point=True).encode(y=across)
    if "low" in table:
        layers = base.mark_area(opacity=0.2).encode(y=alt.Y("low", type="quantitative", title=y), y2="high") + layers
    return Chart(title, _spec(layers, 0, height=240), table, note)


def against(table: pd.DataFrame, value: str, of: str, title: str, note: str = "") -> Chart:
    """A point for each row, and a line down from the first, which the others are compared with."""
    import altair as alt

    y = alt.Y(of, type="nominal", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL, grid=True))
    x = alt.X(value, type="quantitative", scale=alt.Scale(zero=False), title=value.replace("_", " "))
    points = alt.Chart(_data(table)).mark_point(filled=True, size=70, opacity=1, color=PALETTE[1])
    line = alt.Chart(_data(table[:1])).mark_rule(color=PALETTE[0], strokeDash=[4, 3]).encode(x=x)
    return Chart(title, _spec(line + points.encode(x=x, y=y, tooltip=_tooltips(table)), len(table)), table, note)


def confusion(table: pd.DataFrame, title: str, note: str = "") -> Chart:
    """Counts of (actual, predicted, images, share) as a matrix; share is of the images of the actual class."""
    import altair as alt

    classes = sorted({*table.actual, *table.predicted})
    axis = alt.Axis(labelLimit=130)
    base = alt.Chart(_data(table)).encode(
        x=alt.X("predicted", type="nominal", axis=axis, scale=alt.Scale(domain=classes)),
        y=alt.Y("actual", type="nominal", axis=axis, scale=alt.Scale(domain=classes)),
        tooltip=_tooltips(table),
    )
    cells = base.mark_rect().encode(
        color=alt.Color("share", type="quantitative", scale=alt.Scale(domain=[0, 1], scheme="purples"), title="share")
    )
    ink = alt.condition("datum.share > 0.5", alt.value("#ffffff"), alt.value("#1d1d22"))
    numbers = base.mark_text().encode(text=alt.Text("images", type="quantitative"), color=ink)
    return Chart(title, _spec(cells + numbers, len(classes), 26), table, note)


def _data(table: pd.DataFrame) -> Any:
    """The rows of a table inside a specification, NaN as null."""
    import altair as alt

    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return alt.Data(values=rows)


def _tooltips(table: pd.DataFrame) -> list[Any]:
    import altair as alt

    numbers = {name: pd.api.types.is_float_dtype(table[name]) for name in table}
    return [
        alt.Tooltip(name, type="quantitative", format=".3~f") if of_numbers else alt.Tooltip(name, type="nominal")
        for name, of_numbers in numbers.items()
    ]


def _spec(chart: Any, rows: int, step: int = BAR, height: int = 0) -> dict[str, Any]:
    """A chart as wide as the page lets it be."""
    sized = chart.properties(width="container", height=height or max(40, rows * step))
    found: dict[str, Any] = sized.to_dict()
    return found | {"autosize": {"type": "fit-x", "contains": "padding"}}
