"""The few numbers that sum up a run, which DVC compares between runs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

DIGITS = 4  # significant ones; names are few and short, since `dvc exp show` has a column for each


class Number(NamedTuple):
    """A number of the summary: its name, if DVC compares it; where the metrics of the stages hold it; and how a person
    reads it, if it is among those that are shown to one."""

    name: str
    path: str
    label: str = ""
    form: str = "{:.3f}"


NUMBERS = (
    Number("videos", "videos.ok", "videos kept", "{:,}"),
    Number("", "videos.hours", "hours of video", "{:.2f}"),
    Number("pairs", "dataset.pairs", "pairs", "{:,}"),
    Number("images", "dataset.images", "images", "{:,}"),
    Number("val_loss", "quiltnet.val_loss"),
    Number("", "zero_shot.start.mean.balanced_accuracy", "zero-shot balanced accuracy before"),
    Number("zero_shot", "zero_shot.tuned.mean.balanced_accuracy", "zero-shot balanced accuracy after"),
    Number("linear_probe", "linear_probe.tuned.mean.1.mean"),
    Number("r1", "retrieval.tuned.held_out.image_to_text.r1"),
    Number("hold_f1", "audit.holds.f1", "hold F1"),
    Number("wer", "audit.asr.wer_clean", "word error rate, corrected"),
    Number("pair_precision", "audit.pairs.precision", "pair precision"),
    Number("pair_recall", "audit.pairs.recall"),
)


def summarise(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Name and value of each of NUMBERS that was measured; `metrics` holds those of every stage by its name."""
    values = {number.name: value_at(metrics, number.path) for number in NUMBERS if number.name}
    return {
        name: value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")
        for name, value in values.items()
        if value is not None
    }


def headline(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and text of those that a person is shown."""
    values = [(number, value_at(metrics, number.path)) for number in NUMBERS if number.label]
    return [(number.label, number.form.format(value)) for number, value in values if value is not None]


def intervals(metrics: Mapping[str, Any]) -> dict[str, str]:
    """The interval of each number of the headline that has one, by its label."""
    ends = {
        one.label: [value_at(metrics, f"{one.path}_{end}") for end in ("low", "high")] for one in NUMBERS if one.label
    }
    return {label: " to ".join(map("{:.3f}".format, own)) for label, own in ends.items() if None not in own}


def summary_text(title: str, note: str, metrics: Mapping[str, Any]) -> str:
    """What a person is shown, as lines of a text file under the title and the note."""
    lines = [title, *filter(None, [note]), "", *(f"{label:36}{value:>8}" for label, value in headline(metrics))]
    return "\n".join(lines) + "\n"


def value_at(metrics: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for key in path.split("."):
        metrics = metrics.get(key) if isinstance(metrics, Mapping) else None
    return metrics
