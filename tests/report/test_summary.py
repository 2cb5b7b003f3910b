"""The numbers that DVC compares are few, short and those that the stages measured."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.report.summary import NUMBERS, headline, summarise

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = [number.name for number in NUMBERS if number.name]
TERMINAL = 160  # columns
SHOWN = len("reports/summary.json") + 4  # how a line of `dvc metrics show` begins


def test_a_number_comes_from_its_stage_with_four_digits():
    metrics = {"dataset": {"pairs": 365}, "audit": {"holds": {"f1": 0.9931972}}, "zero_shot": {"tuned": {}}}
    assert summarise(metrics) == {"pairs": 365, "hold_f1": 0.9932}
    assert headline(metrics) == [("pairs", "365"), ("hold F1", "0.993")]


def test_the_committed_run_has_all_of_them_in_one_width():
    """As `dvc metrics show` writes them, four blanks between two columns."""
    metrics = json.loads((ROOT / "reports/metrics.json").read_text())
    numbers = summarise(metrics)
    assert list(numbers) == NAMES
    widths = [max(len(name), len(str(value))) for name, value in numbers.items()]
    assert SHOWN + sum(widths) + 4 * (len(widths) - 1) <= TERMINAL


@pytest.fixture
def compared(tmp_path):
    """Run DVC in a repository whose workspace has another parameter, and other numbers and files than its commit."""

    def call(*command):
        env = os.environ | {"COLUMNS": str(TERMINAL), "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, env=env)
        return [line for line in done.stdout.splitlines() if line.strip(" ─")]

    def dvc(numbers, files, *command):
        for name in ("dvc.yaml", "dvc.lock", "params.yaml", "reports/summary.json", ".dvc/config", ".dvc/plots.html"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
        if not (tmp_path / ".git").exists():
            call("git", "init", "-q")
            call("git", "add", "-A")
            call("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "before")
        before = json.loads((tmp_path / "reports/summary.json").read_text())
        after = before | {name: round(before[name] / 2.1, 4) for name in numbers}
        (tmp_path / "reports/summary.json").write_text(json.dumps(after))
        for file, what, other in (
            ("params.yaml", r"\n  epochs: \d+ ", "\n  epochs: 3 "),
            ("dvc.lock", rf"(path: {files}\S*\n\s+hash: md5\n\s+md5: )(\w{{32}})", lambda one: one[1] + one[2][::-1]),
        ):
            text = (tmp_path / file).read_text()
            (tmp_path / file).write_text(re.sub(what, other, text))
        return call(sys.executable, "-m", "dvc", *command)

    return dvc


@pytest.mark.slow
@pytest.mark.parametrize(
    ("numbers", "files", "options"),
    [
        (("val_loss", "zero_shot", "linear_probe", "r1"), "(?:models/quiltnet|data/embeddings|reports)", []),
        (NAMES, "(?:data/(?!named)|models|reports)", ["--drop", "Created|.*/|params.yaml"]),
    ],
    ids=["of training", "of everything"],
)
def test_a_changed_parameter_and_what_came_of_it_fit_a_terminal(compared, numbers, files, options):
    head, *rows = compared(numbers, files, "exp", "show", "--only-changed", "--no-pager", *options)
    assert max(map(len, (head, *rows))) <= TERMINAL
    assert {*numbers, "quiltnet.epochs"} <= set(head.split())
    assert len(rows) == 2
    assert "…" not in "".join(cell for row in rows for cell in row.split()[: 3 + len(numbers)])
    diff = compared(numbers, files, "metrics", "diff")
    assert max(map(len, diff)) <= TERMINAL
    assert [line.split()[1] for line in diff[1:]] == sorted(numbers)
