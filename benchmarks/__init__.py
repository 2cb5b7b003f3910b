"""Speed and quality against a peer or a limit measured in the same run, or against a threshold. Each module prints JSON
objects, one per line."""

import json
import time
from collections.abc import Callable


def seconds(task: Callable[[], object], rounds: int = 3) -> float:
    """Return the wall seconds of the fastest of `rounds` calls."""

    def once() -> float:
        start = time.perf_counter()
        task()
        return time.perf_counter() - start

    return min(once() for _ in range(rounds))


def report(
    name: str,
    ours: float,
    theirs: float | None,
    threshold: float,
    note: str,
    *,
    unit: str = "s",
    at_least: bool = False,
) -> None:
    """Print `ours`, `theirs` (the peer or limit) and their ratio, and whether the ratio is at most `threshold`, which
    is printed as `bar`.

    Without `theirs`, `ours` itself is compared with the threshold. With `at_least` it has to reach the threshold.
    """
    ratio = None if theirs is None else ours / theirs
    measured = ours if ratio is None else ratio
    row = {"name": name, "ours": _short(ours), "theirs": _short(theirs), "ratio": _short(ratio), "bar": threshold}
    holds = measured >= threshold if at_least else measured <= threshold
    print(json.dumps({**row, "holds": bool(holds), "unit": unit, "note": note}), flush=True)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
