"""Charts for papers: each as PNG and as PDF, without times or versions inside."""

from pathlib import Path
from typing import Any

import pandas as pd

from stages.report.scores import models_of

COLOURS = ("#9aa5b1", "#7b2d8b", "#d98e04", "#2d7b8b", "#4c9a2a", "#c0392b")  # of models, in their order
KEPT, DROPPED = "#2d7b8b", "#c0392b"
SHOWN_FLAT = 6  # names of sets that fit beside each other
DPI = 200
LETTERS = 11  # of a legend, in an inch
HANDLE = 7  # letters that fit into the room of a legend's handle


def draw_all(metrics: dict[str, Any], curve: Path, out: Path) -> list[str]:
    """Write every chart whose metrics are there to `out`; return the names of the PNG files."""
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


def _axes(width: float, height: float) -> tuple[Any, Any]:
    """A figure of so many inches, whose parts never cover each other, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _entitle(figure: Any, axes: Any, title: str) -> None:
    """Put the title above the axes and the legend below, in as many columns as fit."""
    longest = max(map(len, axes.get_legend_handles_labels()[1]), default=0)
    columns = int(figure.get_figwidth() * LETTERS / (longest + HANDLE))
    figure.suptitle(title)
    figure.legend(loc="outside lower center", ncols=max(1, columns), frameon=False)


def _save(figure: Any, path: Path) -> str:
    import matplotlib as mpl

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    with mpl.rc_context({"pdf.fonttype": 42}):  # text stays text
        figure.savefig(path.with_suffix(".pdf"), metadata={"Creator": None, "Producer": None, "CreationDate": None})
    return path.name


def _zero_shot(metrics: dict[str, Any], path: Path) -> str:
    """Balanced accuracy of every model by evalset, with 95 % intervals and the level of chance."""
    names = [name for name, row in metrics["tuned"].items() if "chance" in row]  # sets, then their mean
    models = models_of(metrics)
    figure, axes = _axes(max(6.0, 1.1 * len(names) + 1), 4)
    width = 0.8 / len(models)
    for number, model in enumerate(models):
        rows = [metrics[model][name] for name in names]
        scores = [row["balanced_accuracy"] for row in rows]
        below = [max(0, row["balanced_accuracy"] - row["balanced_accuracy_low"]) for row in rows]
        above = [max(0, row["balanced_accuracy_high"] - row["balanced_accuracy"]) for row in rows]
        places = [n + width * (number + 0.5) - 0.4 for n in range(len(names))]
        colour = COLOURS[number % len(COLOURS)]
        axes.bar(places, scores, 0.92 * width, yerr=[below, above], label=model, color=colour, capsize=2)
    for n, name in enumerate(names):
        chance = metrics["tuned"][name]["chance"]
        label = "chance" if n == 0 else None
        axes.hlines(chance, n - 0.42, n + 0.42, colors="black", linestyles="dotted", label=label)
    flat = len(names) <= SHOWN_FLAT
    turned = {} if flat else {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], **turned)
    axes.set(ylim=(0, 1.02), ylabel="balanced accuracy")
    _entitle(figure, axes, "Zero-shot classification, with 95 % intervals")
    return _save(figure, path)


def _curve(table: pd.DataFrame, path: Path) -> str:
    figure, axes = _axes(5, 3.4)
    axes.plot(table.epoch, table.train, marker="o", label="training", color=COLOURS[1])
    axes.plot(table.epoch, table.val, marker="o", label="validation", color=COLOURS[2])
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="epoch", ylabel="contrastive loss (nats)", ylim=(0, None))
    _entitle(figure, axes, "Fine-tuning")
    return _save(figure, path)


def _sources(metrics: dict[str, Any], path: Path) -> str:
    """Pairs that were kept, by source, and that were dropped, by reason."""
    kept, dropped = metrics["per_source"], metrics["dropped"]
    figure, axes = _axes(6, 0.28 * (len(kept) + len(dropped)) + 1.4)
    for rows, colour, label in ((kept, KEPT, "kept, by source"), (dropped, DROPPED, "dropped, by reason")):
        if rows:
            names = [name.replace("_", " ") for name in rows]
            bars = axes.barh(names, list(rows.values()), color=colour, label=label)
            axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel="pairs")
    _entitle(figure, axes, "Pairs of the dataset")
    return _save(figure, path)
