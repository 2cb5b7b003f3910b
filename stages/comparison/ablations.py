"""Ablations: a list of experiments that DVC runs one after another, and what came of each."""

import logging
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from tqdm import tqdm

from stages.common.data.files import read_json
from stages.common.errors import StageError
from stages.common.paths import COMPARISON_DIR, LOGS_DIR, SUMMARY_FILE
from stages.common.stage.notes import note_on_run
from stages.common.stage.params import Base, load_all_params
from stages.comparison.params import Params
from stages.comparison.tables import write_table

log = logging.getLogger(__name__)

COMMITTED = "as committed"
SUMMARY_STAGE = "report"  # writes SUMMARY_FILE; what it does not need, as the page of search, is not made
SET = ("-S", "--set-param")


class Experiment(NamedTuple):
    """An experiment of DVC: its name, and options of `dvc exp run`."""

    name: str
    options: list[str]

    @property
    def changes(self) -> str:
        """What it changes, as a person reads it."""
        return ", ".join(option for option in self.options if option not in SET)


def compare_ablations(params: Params, base: Base) -> dict[str, Any]:
    """Run the experiments of the file `comparison.ablations` that DVC has not run on this commit, each in a folder of
    its own, and write reports/comparison/ablations.csv and .png: the numbers of reports/summary.json for the commit and
    for each of them. One that fails does not stop the others.

    Raises StageError where the commit is not run itself, and at the end where experiments have failed.
    """
    experiments = read_experiments(Path(params.ablations))
    if _dvc("status", "--quiet").returncode:
        raise StageError("the run that experiments are compared with is not up to date: `dvc repro`, then commit")
    done = {row["Experiment"] for row in _shown()}
    left = [one for one in experiments if one.name not in done]
    failed = [one.name for one in tqdm(left, desc="experiments", unit="run") if not _run(one)]
    numbers = list(read_json(SUMMARY_FILE))
    table = write_table("ablations", side_by_side(experiments, _shown(), numbers), ["experiment", "changes", *numbers])
    draw(table, numbers, note_on_run(load_all_params()), COMPARISON_DIR / "ablations.png")
    if failed:
        raise StageError(f"comparison.ablations: failed: {', '.join(failed)}: see {LOGS_DIR}/ablations@NAME.log")
    return {"items": len(table), "numbers": len(numbers)}


def read_experiments(path: Path) -> list[Experiment]:
    """Read a file with an experiment a line, a name and options of `dvc exp run`; # begins a comment.

    Raises StageError for a file that cannot be read, a line that changes nothing, and a name that comes twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StageError(f"comparison.ablations: {path}: {error}: name a file such as profiles/ablations") from None
    found: dict[str, Experiment] = {}
    for number, line in enumerate(lines, 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise StageError(f"{path}, line {number}: {error}: close the quotes") from None
        if not words:
            continue
        name, *options = words
        if len(options) < 2 or options[0] not in SET:
            raise StageError(f"{path}, line {number}: say what {name} changes, as in {name} -S quiltnet.epochs=1")
        if name in found:
            raise StageError(f"{path}, line {number}: {name} comes twice: give one another name")
        found[name] = Experiment(name, options)
    return list(found.values())


def side_by_side(
    experiments: list[Experiment], shown: list[dict[str, Any]], numbers: list[str]
) -> list[dict[str, Any]]:
    """Rows for the commit and for each experiment in `shown`, rows of `dvc exp show`: name, changes and `numbers`."""
    rows = {row["Experiment"] or COMMITTED: row for row in shown if row["rev"] != "workspace"}
    wanted = [one for one in (Experiment(COMMITTED, []), *experiments) if one.name in rows]
    return [
        {"experiment": one.name, "changes": one.changes} | {name: rows[one.name].get(name) for name in numbers}
        for one in wanted
    ]


def draw(table: pd.DataFrame, numbers: list[str], note: str, path: Path) -> None:
    """A panel for each of the `numbers` that differ: a point for every experiment, a line where the commit stands."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.use("Agg")
    shown = [name for name in numbers if table[name].nunique() > 1] or numbers[:1]
    figure = Figure(figsize=(2.2 * len(shown) + 2, 0.3 * len(table) + 1.8), layout="constrained")
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, shown, strict=True):
        axes.plot(table[name], table.experiment, "o", color="#7b2d8b")
        axes.axvline(table[name].iloc[0], color="#9aa5b1", linestyle="dotted")
        axes.set_title(name, fontsize="medium")
        axes.margins(x=0.1)
    panels[0].invert_yaxis()
    figure.supxlabel(note, fontsize="x-small", wrap=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _run(one: Experiment) -> bool:
    """Whether it has run to its end; what it says goes to a log."""
    done = _dvc("exp", "run", "--temp", "--name", one.name, *one.options, SUMMARY_STAGE)
    LOGS_DIR.mkdir(parents=True, exist_ok=True)
    (LOGS_DIR / f"ablations@{one.name}.log").write_text(done.stdout, encoding="utf-8")
    return done.returncode == 0


def _dvc(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def _shown() -> list[dict[str, Any]]:
    import dvc.api

    return list(dvc.api.exp_show())
