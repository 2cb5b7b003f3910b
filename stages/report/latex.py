"""Tables in LaTeX, for the package booktabs."""

import math

import pandas as pd

SPECIAL: dict[str, str | int | None] = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
SIGNIFICANT = 0.05
STAR = "$^{*}$"


def escaped(text: str) -> str:
    """Text as LaTeX prints it, on one line: an empty one would end a caption."""
    return " ".join(str(text).split()).translate(str.maketrans(SPECIAL))


def score_cell(score: float, low: float, high: float, p: float = math.nan) -> str:
    """A score with its interval, starred where it is significant."""
    if math.isnan(score):
        return "--"
    star = STAR if p < SIGNIFICANT else ""
    return f"{score:.3f}{star}" + ("" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]")


def number_cell(number: float) -> str:
    """A number, or nothing."""
    return "" if math.isnan(number) else f"{number:.3f}"


def by_model(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows of scores with a column for each model and one line for what is equal in `keys`, in their order; those of
    `keys` that are empty throughout are left out."""
    p = rows.p_holm if "p_holm" in rows else pd.Series(math.nan, rows.index)
    cells = [score_cell(*row) for row in zip(rows.score, rows.low, rows.high, p, strict=True)]
    table = rows[keys].map(escaped).assign(model=rows.model, cell=cells)
    wide = table.pivot_table(index=keys, columns="model", values="cell", aggfunc="first", sort=False, fill_value="--")
    wide = wide.reset_index()
    return wide[[name for name in wide if name not in keys or (wide[name] != "").any()]]


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    """A table of cells that are LaTeX already; names of columns and the caption are not."""
    return table.rename(columns=escaped).to_latex(
        index=False, escape=False, caption=escaped(caption), label=f"tab:{label}", position="htbp"
    )
