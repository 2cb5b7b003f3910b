"""A page of what no output of the pipeline may hold: the commit, the machine, how long stages took, and ablations.

Nothing tracks it. It is written where the stage `report` runs, and says of each stage the time of its last run there.
"""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import read_json
from stages.common.paths import COMPARISON_DIR, TIMINGS_DIR
from stages.report.charts import Chart, against, bars
from stages.report.page import render

PAGE_FILE = TIMINGS_DIR / "index.html"
LIBRARIES = ("torch", "open_clip_torch", "whisperx", "timm", "dvc")
GPUS = Path("/proc/driver/nvidia/gpus")


def build(title: str, timings: Path = TIMINGS_DIR, comparison: Path = COMPARISON_DIR) -> str:
    """Return the page, as HTML."""
    times = read_timings(timings)
    path = comparison / "ablations.csv"
    ablations = pd.read_csv(path, keep_default_na=False, na_values=[""]) if path.exists() else pd.DataFrame()
    return render(
        "machine.html.j2",
        title=title,
        note="",
        facts=[*_commit(), *_machine()],
        minutes=times.seconds.sum() / 60,
        times=bars(times, "seconds", "stage", "Time of each stage's last run here"),
        ablations=ablations,
        panels=ablation_charts(ablations),
    )


def ablation_charts(table: pd.DataFrame) -> list[Chart]:
    """A chart of each number that is not the same in all experiments: where each stands beside the commit."""
    numbers = [name for name in table.select_dtypes("number") if table[name].nunique() > 1]
    return [
        against(table[["experiment", name]].dropna(), name, "experiment", name.replace("_", " ")) for name in numbers
    ]


def read_timings(folder: Path) -> pd.DataFrame:
    """Each stage that has run here with its seconds, the longest first."""
    rows = [[path.stem, float(read_json(path)["seconds"])] for path in sorted(folder.glob("*.json"))]
    table = pd.DataFrame(rows, columns=["stage", "seconds"])
    return table.sort_values("seconds", ascending=False, ignore_index=True)


def _commit() -> list[tuple[str, str]]:
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return [("commit", "not a Git repository")]
    changed = len(_git("status", "--porcelain", "--untracked-files=no").splitlines())
    return [("commit", commit), ("tracked files that differ from it", str(changed))]


def _git(*arguments: str) -> str:
    """What Git says, or nothing."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _machine() -> list[tuple[str, str]]:
    import psutil

    said = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(GPUS.glob("*/information"))]
    models = [line.partition(":")[2].strip() for text in said for line in text.splitlines() if line.startswith("Model")]
    facts: list[tuple[str, Any]] = [
        ("system", platform.platform()),
        ("processor", f"{platform.machine()}, {os.cpu_count()} cores"),
        ("memory", f"{psutil.virtual_memory().total / 1e9:.0f} GB"),
        ("GPUs", ", ".join(models) or "none"),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in LIBRARIES),
    ]
    return facts
