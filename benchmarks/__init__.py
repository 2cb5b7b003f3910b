"""Speed and quality against a peer, a limit or a bar of the same run; each module prints JSON objects, one a line."""

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
    name: str, ours: float, theirs: float | None, bar: float, note: str, *, unit: str = "s", at_least: bool = False
) -> None:
    """Print `ours`, `theirs` (the peer or limit) and their ratio, and whether the ratio stays below `bar`.

    Without `theirs` it is `ours` itself that is held against the bar; `at_least` turns the bar into a floor.
    """
    ratio = None if theirs is None else ours / theirs
    measured = ours if ratio is None else ratio
    row = {"name": name, "ours": _short(ours), "theirs": _short(theirs), "ratio": _short(ratio), "bar": bar}
    holds = measured >= bar if at_least else measured <= bar
    print(json.dumps({**row, "holds": bool(holds), "unit": unit, "note": note}), flush=True)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
