"""Charts as papers and lectures show them: made-up numbers, drawn by matplotlib in its own styles."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stages.common.data.arrays import Picture

NAMES = ("control", "tumour", "stroma", "grade 1", "grade 2", "grade 3", "ResNet-50", "ViT-B", "ours", "CD8", "fold 4")
LABELS = ("accuracy", "cells per field", "overall survival", "epoch", "loss", "1 - specificity", "score", "months", "p")
MAPS = ("viridis", "magma", "Blues", "Reds", "RdPu", "coolwarm", "PuRd", "Purples", "tab20", "gray")
INKS = ("black", "black", "dimgrey", "cornflowerblue", "salmon", "mediumpurple")
MARGINS = ((0.08, 0.2), (0.12, 0.22), (0.88, 0.98), (0.82, 0.94))  # left, bottom, right and top, as shares
STYLES = ("default", "classic", "ggplot", "bmh", "dark_background", "fivethirtyeight", "seaborn-v0_8-whitegrid")


def chart(width: int, height: int, rng: np.random.Generator) -> Picture:
    """A figure of one to four charts, RGB (height, width, 3)."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = ((1, 1), (1, 1), (1, 1), (1, 2), (2, 2))[int(rng.integers(5))]
    dpi = float(rng.uniform(60, 120))
    with style.context(str(rng.choice(STYLES))):
        figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi)
        canvas = FigureCanvasAgg(figure)
        for axes in figure.subplots(rows, columns, squeeze=False).flat:
            if rng.random() < 0.4:  # one ink, and no frame
                axes.set_prop_cycle(color=[str(rng.choice(INKS))])
                axes.spines[["top", "right"]].set_visible(False)
            CHARTS[int(rng.integers(len(CHARTS)))](axes, rng)
            if rng.random() < 0.5:
                axes.set_title(" ".join(rng.choice(NAMES, 2)))
        if rng.random() < 0.3:
            figure.suptitle(f"Figure {rng.integers(1, 9)}")
        # Not laid out by matplotlib, which would draw all letters twice.
        left, bottom, right, top = (float(rng.uniform(*pair)) for pair in MARGINS)
        figure.subplots_adjust(left, bottom, right, top, wspace=0.35, hspace=0.5)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[:height, :width, :3].copy()


def _names(rng: np.random.Generator, count: int) -> list[str]:
    return [str(name) for name in rng.choice(NAMES, count, replace=False)]


def _described(axes: Any, rng: np.random.Generator) -> None:
    axes.set(xlabel=str(rng.choice(LABELS)), ylabel=str(rng.choice(LABELS)))


def _bars(axes: Any, rng: np.random.Generator) -> None:
    count, groups = int(rng.integers(2, 8)), int(rng.integers(1, 4))
    for group in range(groups):
        at = np.arange(count) + group * 0.8 / groups
        values = rng.uniform(0.1, 1, count)
        axes.bar(at, values, 0.8 / groups, yerr=values * 0.1, label=NAMES[group], capsize=3)
    axes.set_xticks(np.arange(count), _names(rng, count), rotation=int(rng.choice([0, 45])))
    axes.legend()


def _boxes(axes: Any, rng: np.random.Generator) -> None:
    values = [rng.normal(rng.uniform(0, 3), 1, 40) for _ in range(int(rng.integers(2, 7)))]
    axes.boxplot(values, notch=bool(rng.random() < 0.3), patch_artist=bool(rng.random() < 0.6))
    _described(axes, rng)


def _violins(axes: Any, rng: np.random.Generator) -> None:
    axes.violinplot([rng.normal(rng.uniform(0, 3), 1, 60) for _ in range(int(rng.integers(2, 6)))], showmedians=True)
    _described(axes, rng)


def _raincloud(axes: Any, rng: np.random.Generator) -> None:
    """Violin, box and all points in one, as ggplot users draw it."""
    colour = str(rng.choice(["cornflowerblue", "salmon", "mediumpurple", "plum", "lightgreen", "pink", "grey"]))
    for at in range(int(rng.integers(1, 4))):
        parts = [rng.normal(rng.uniform(0, 4), rng.uniform(0.3, 1), int(rng.integers(15, 120))) for _ in range(2)]
        values = np.concatenate(parts)
        for body in axes.violinplot([values], [at], widths=0.9, showextrema=False)["bodies"]:
            body.set(facecolor=colour if rng.random() < 0.4 else "white", edgecolor="black", alpha=1)
        box = {"facecolor": colour, "alpha": float(rng.uniform(0.6, 1))}
        axes.boxplot([values], positions=[at], widths=0.4, patch_artist=True, boxprops=box, showfliers=False)
        spread = at + rng.uniform(-0.15, 0.15, len(values))
        axes.scatter(spread, values, s=float(rng.choice([4, 12, 30])), c="black", alpha=float(rng.uniform(0.3, 0.8)))
    _described(axes, rng)


def _density(axes: Any, rng: np.random.Generator) -> None:
    """A histogram under its smoothed curve."""
    from scipy.stats import gaussian_kde

    values = np.concatenate([rng.normal(rng.uniform(0, 6), rng.uniform(0.5, 2), 150) for _ in range(3)])
    colour = str(rng.choice(["cornflowerblue", "salmon", "mediumpurple", "seagreen", "grey"]))
    axes.hist(values, bins=int(rng.integers(10, 40)), density=True, color=colour, edgecolor="black", alpha=0.8)
    x = np.linspace(values.min(), values.max(), 200)
    axes.fill_between(x, gaussian_kde(values)(x), color=colour, alpha=0.3, edgecolor="black")
    _described(axes, rng)


def _stacked(axes: Any, rng: np.random.Generator) -> None:
    shares = rng.dirichlet(np.ones(int(rng.integers(3, 9))), int(rng.integers(3, 12)))
    bottom = np.zeros(len(shares))
    for number, part in enumerate(shares.T):
        axes.bar(np.arange(len(shares)), part, bottom=bottom, label=NAMES[number])
        bottom += part
    axes.legend(fontsize=6)


def _forest(axes: Any, rng: np.random.Generator) -> None:
    """Hazard ratios with their intervals."""
    count = int(rng.integers(4, 12))
    middle, error = rng.lognormal(0, 0.5, count), rng.uniform(0.1, 0.5, count)
    axes.errorbar(middle, np.arange(count), xerr=error, fmt="s", color="black", capsize=2)
    axes.axvline(1, linestyle="--", color="grey")
    axes.set_yticks(np.arange(count), rng.choice(NAMES, count))


def _cell_map(axes: Any, rng: np.random.Generator) -> None:
    """Positions of cells in a section, a colour for each type."""
    from stages.demo.stain import Slide

    slide = Slide(300, 300, rng)
    outline = slide.blob((150, 150), float(rng.uniform(90, 130)), lobes=0.12)
    points = slide.scatter(float(rng.choice([4, 7, 12])), outline)
    kinds = np.digitize(slide.noise(12)[points[:, 1].astype(int), points[:, 0].astype(int)], [-1, 0, 0.7, 1.5])
    axes.scatter(*points.T, s=float(rng.choice([1, 4, 12])), c=kinds, cmap=str(rng.choice([*MAPS, "Set1", "rainbow"])))
    axes.set_facecolor("black" if rng.random() < 0.6 else "white")
    axes.axis("equal")


def _swatches(axes: Any, rng: np.random.Generator) -> None:
    """Rows of coloured squares: a palette, or which gene is changed in whom."""
    rows, columns = int(rng.integers(6, 30)), int(rng.integers(6, 30))
    axes.pcolormesh(rng.random((rows, columns)), cmap=str(rng.choice(["tab20", "Set3", "hsv"])), edgecolors="w")
    axes.set_xticks(np.arange(columns) + 0.5, [f"{number}" for number in range(columns)], rotation=90, fontsize=5)


def _curves(axes: Any, rng: np.random.Generator) -> None:
    """ROC or precision-recall curves."""
    x = np.linspace(0, 1, 100)
    falls = rng.random() < 0.5
    for name in _names(rng, int(rng.integers(1, 6))):
        y = x ** rng.uniform(0.05, 0.7)
        axes.plot(x, 1 - y[::-1] * 0.9 if falls else y, label=f"{name} (AUC {rng.uniform(0.6, 1):.2f})")
    axes.plot([0, 1], [0, 1], "--", color="grey")
    axes.legend(loc="lower right", fontsize=7)
    _described(axes, rng)


def _lines(axes: Any, rng: np.random.Generator) -> None:
    x = np.arange(int(rng.integers(10, 80)))
    for name in _names(rng, int(rng.integers(1, 5))):
        y = np.exp(-x / rng.uniform(5, 60)) + rng.normal(0, 0.03, len(x))
        axes.plot(x, y, marker=str(rng.choice(["", "o", "."])), label=name)
        axes.fill_between(x, y - 0.05, y + 0.05, alpha=0.2)
    axes.legend()
    _described(axes, rng)


def _survival(axes: Any, rng: np.random.Generator) -> None:
    for name in _names(rng, 2):
        months = np.sort(rng.exponential(rng.uniform(20, 60), 40))
        axes.step(months, np.linspace(1, rng.uniform(0.1, 0.6), 40), where="post", label=name)
    axes.legend()
    axes.set(xlabel="months", ylabel="overall survival", ylim=(0, 1.05))


def _clusters(axes: Any, rng: np.random.Generator) -> None:
    """A scatter plot such as UMAP gives, often of very many points."""
    count = int(rng.choice([60, 600, 4000]))
    centres = rng.uniform(-8, 8, (int(rng.integers(1, 10)), 2))
    which = rng.integers(len(centres), size=count)
    points = centres[which] + rng.normal(0, rng.uniform(0.3, 1.5), (count, 2))
    axes.scatter(*points.T, s=float(rng.choice([3, 12, 40])), c=which, cmap=str(rng.choice(MAPS)), alpha=0.7)
    _described(axes, rng)


def _heatmap(axes: Any, rng: np.random.Generator) -> None:
    shown = axes.imshow(
        rng.random((int(rng.integers(5, 60)), int(rng.integers(5, 60)))) ** 2, cmap=str(rng.choice(MAPS))
    )
    axes.figure.colorbar(shown, ax=axes)
    axes.set_aspect("auto")


def _confusion(axes: Any, rng: np.random.Generator) -> None:
    count = int(rng.integers(2, 8))
    values = rng.uniform(0, 0.3, (count, count)) + np.eye(count) * 0.6
    if rng.random() < 0.4:  # most classes are rare
        values = (20 * values * rng.dirichlet(np.full(count, 0.3), 1).T).round()
    axes.imshow(values, cmap=str(rng.choice(MAPS)))
    for row in range(count):
        for column in range(count):
            axes.text(column, row, f"{values[row, column]:.3g}", ha="center", va="center", fontsize=7)
    axes.set_xticks(range(count), _names(rng, count), rotation=90)
    axes.set_yticks(range(count), _names(rng, count))


def _histogram(axes: Any, rng: np.random.Generator) -> None:
    for name in _names(rng, int(rng.integers(1, 4))):
        axes.hist(rng.normal(rng.uniform(0, 4), rng.uniform(0.5, 2), 500), bins=30, alpha=0.6, label=name)
    axes.legend()
    _described(axes, rng)


def _pie(axes: Any, rng: np.random.Generator) -> None:
    count = int(rng.integers(2, 8))
    axes.pie(rng.uniform(0.1, 1, count), labels=_names(rng, count), autopct="%1.0f%%")


def _table(axes: Any, rng: np.random.Generator) -> None:
    rows, columns = int(rng.integers(3, 10)), int(rng.integers(2, 6))
    cells = [[f"{value:.3f}" for value in row] for row in rng.random((rows, columns))]
    axes.axis("off")
    axes.table(cells, rowLabels=_names(rng, rows), colLabels=_names(rng, columns), loc="center")


CHARTS: tuple[Callable[[Any, np.random.Generator], None], ...] = (
    *(_bars, _boxes, _violins, _curves, _lines, _survival),
    *(_clusters, _heatmap, _confusion, _histogram, _pie, _table),
    *(_raincloud, _raincloud, _density, _stacked, _forest, _cell_map, _swatches),
)
