"""The numbers that DVC compares are few, short and those that the stages measured."""

import json
from pathlib import Path

from stages.report.summary import NUMBERS, headline, summarise

ROOT = Path(__file__).resolve().parent.parent.parent
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
    assert list(numbers) == [number.name for number in NUMBERS if number.name]
    widths = [max(len(name), len(str(value))) for name, value in numbers.items()]
    assert SHOWN + sum(widths) + 4 * (len(widths) - 1) <= TERMINAL
