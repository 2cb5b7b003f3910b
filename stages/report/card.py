"""The data card: how the pairs that were kept are distributed, and how right they are by gold labels and readers."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import pandas as pd

from stages.common.paths import AUDIT_DIR
from stages.common.stats import wilson
from stages.report.census import BINS, Census
from stages.report.charts import KEPT, Chart, bars, histogram, stacks
from stages.report.pairs import MAGNIFICATIONS
from stages.report.summary import value_at

MOST = 20  # bars of a chart
UNSTATED = "not stated"
RATES_FILE = AUDIT_DIR / "rates.csv"
HISTOGRAMS = {
    "words": ("Words of a text", "words"),
    "side": ("Long side of an image", "pixels"),
    "confidence": ("Confidence that text and image belong together", "confidence"),
    "similarity": ("Similarity of image and text under fingerprints.clip", "cosine"),
    "blur": ("Blur of an image", "blur, 0 sharp to 1"),
}


class Judged(NamedTuple):
    """A share that gold labels give: what it says, where audit's metrics hold it, and how many it is a share of."""

    label: str
    path: str
    of: str


JUDGED = (
    Judged("holds found that are holds", "holds.precision", "holds.found"),
    Judged("holds that were found", "holds.recall", "holds.gold"),
    Judged("gestures inside a box", "rois.covered", "rois.gestures"),
    Judged("pairs whose text belongs to their image", "pairs.precision", "pairs.pairs"),
    Judged("sub-pathology of a video", "sub_pathology.top1", "sub_pathology.videos"),
    Judged("corrections that were right", "corrections.lexicon.precision", "corrections.lexicon.made"),
    Judged("planted copies that were found", "duplicates.recall", "duplicates.planted"),
)


def distributions(census: Census) -> list[Chart]:
    """Charts of the kept pairs."""
    charts = [
        _by_source(census),
        _counted("Sub-pathology", census.counts["sub_pathology"], "as estimated for the whole video"),
        _counted("Magnification", _magnifications(census), "estimated from the image, or read where it is stated"),
        *(_binned(census, name) for name in BINS if census.bins[name]),
        _counted("Types of entities", census.types, f"{census.negated:,} mentions say that the entity is absent"),
        _counted("Entities", census.terms, "mentions in the texts, as they are written"),
        _counted("Licenses", census.counts["license"], "as the sources state them"),
    ]
    return [chart for chart in charts if len(chart.table)]


def judged(audit: Mapping[str, Any]) -> pd.DataFrame:
    """Shares that gold labels give: `what`, `share`, `of` how many, and `low` and `high`, Wilson's interval of 95 %,
    which takes them as independent."""
    rows = []
    for label, path, of in JUDGED:
        share, count = value_at(audit, path), value_at(audit, of)
        if share is not None and count:
            rows.append([label, share, count, *wilson(share, count, NormalDist().inv_cdf(0.975))])
    if (share := value_at(audit, "magnification.accuracy")) is not None:
        count = round(audit["magnification"]["answered"] * audit["magnification"]["holds"])
        interval = wilson(share, count, NormalDist().inv_cdf(0.975)) if count else (0.0, 1.0)
        rows.append(["magnification, where it is estimated", share, count, *interval])
    return pd.DataFrame(rows, columns=["what", "share", "of", "low", "high"])


def readers(path: Path = RATES_FILE) -> pd.DataFrame:
    """What readers of the review page answered, by question and stratum, with intervals; no rows before they did."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _by_source(census: Census) -> Chart:
    rows = [[source, KEPT, count] for source, count in sorted(census.counts["source"].items())]
    dropped: Counter[str] = Counter()
    for (source, _), count in census.dropped.items():
        dropped[source] += count
    rows += [[source, "dropped", count] for source, count in sorted(dropped.items())]
    table = pd.DataFrame(rows, columns=["source", "became", "pairs"])
    return stacks(table, "pairs", "source", "Candidates by source")


def _magnifications(census: Census) -> Counter[str]:
    return Counter(
        {
            "unknown" if level is None else MAGNIFICATIONS[int(level)]: count
            for level, count in census.counts["magnification"].items()
        }
    )


def _counted(title: str, counts: Counter[Any], note: str) -> Chart:
    """The MOST frequent values, and all others as one."""
    named = Counter({str(value) if value else UNSTATED: count for value, count in counts.items()})
    rows = sorted(named.items(), key=lambda item: (-item[1], item[0]))
    shown, rest = rows[:MOST], sum(count for _, count in rows[MOST:])
    shown += [(f"{len(rows) - MOST:,} others", rest)] if rest else []
    unit = "mentions" if title in ("Types of entities", "Entities") else "pairs"
    table = pd.DataFrame(shown, columns=[title.lower(), unit])
    return bars(table, unit, title.lower(), title, note)


def _binned(census: Census, name: str) -> Chart:
    title, unit = HISTOGRAMS[name]
    rows = [[start, round(start + BINS[name], 6), count] for start, count in sorted(census.bins[name].items())]
    table = pd.DataFrame(rows, columns=["from", "to", "pairs"])
    return histogram(table, "pairs", unit, title)
