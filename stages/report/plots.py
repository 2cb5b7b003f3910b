"""Charts of the report, as PNG files without times or versions inside."""

from pathlib import Path
from typing import Any

import pandas as pd


def draw_all(metrics: dict[str, Any], curve: Path, out: Path) -> list[str]:
    """Write every chart whose metrics are there to `out`; return the file names."""
    import matplotlib as mpl

    mpl.use("Agg")
    made = []
    if metrics.get("zero_shot", {}).get("tuned"):
        made.append(_zero_shot(metrics["zero_shot"], out / "zero_shot.png"))
    if curve.exists() and len(table := pd.read_csv(curve)):
        made.append(_curve(table, out / "loss.png"))
    if metrics.get("dataset"):
        made.append(_sources(metrics["dataset"], out / "sources.png"))
    return made


def _save(figure: Any, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    return path.name


def _zero_shot(metrics: dict[str, Any], path: Path) -> str:
    """Balanced accuracy per evalset before and after tuning, with 95 % intervals and the level of chance."""
    from matplotlib.figure import Figure

    names = [name for name, row in metrics["tuned"].items() if "chance" in row]  # sets, then their mean
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    for shift, (model, colour) in enumerate((("start", "#9aa5b1"), ("tuned", "#7b2d8b"))):
        rows = [metrics[model][name] for name in names]
        scores = [row["balanced_accuracy"] for row in rows]
        below = [max(0, row["balanced_accuracy"] - row["balanced_accuracy_low"]) for row in rows]
        above = [max(0, row["balanced_accuracy_high"] - row["balanced_accuracy"]) for row in rows]
        places = [n + 0.38 * shift - 0.19 for n in range(len(names))]
        axes.bar(places, scores, 0.36, yerr=[below, above], label=model, color=colour, capsize=3)
    for n, name in enumerate(names):
        axes.hlines(metrics["tuned"][name]["chance"], n - 0.4, n + 0.4, colors="black", linestyles="dotted")
    axes.set_xticks(range(len(names)), names)
    axes.set(ylim=(0, 1.05), ylabel="balanced accuracy", title="Zero-shot (dotted: chance)")
    axes.legend()
    return _save(figure, path)


def _curve(table: pd.DataFrame, path: Path) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2))
    axes = figure.subplots()
    axes.plot(table.epoch, table.train, marker="o", label="train", color="#7b2d8b")
    axes.plot(table.epoch, table.val, marker="o", label="val", color="#d98e04")
    axes.set(xlabel="epoch", ylabel="contrastive loss", title="Fine-tuning")
    axes.legend()
    return _save(figure, path)


def _sources(metrics: dict[str, Any], path: Path) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2))
    axes = figure.subplots()
    rows = {**metrics["per_source"], **{f"dropped: {k}": v for k, v in metrics["dropped"].items()}}
    axes.barh(
        list(rows), list(rows.values()), color=["#c0392b" if k.startswith("dropped") else "#2d7b8b" for k in rows]
    )
    axes.invert_yaxis()
    axes.set(xlabel="pairs", title="Pairs kept by source, and dropped by reason")
    return _save(figure, path)
