"""Speed as a ratio against a peer or a physical limit of the same run; each module prints one JSON object."""

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


def report(name: str, ours: float, theirs: float, bar: float, note: str) -> None:
    """Print `ours` and `theirs` (seconds), their ratio, and whether it stays below `bar`."""
    ratio = ours / theirs
    row = {"name": name, "ours_s": round(ours, 4), "theirs_s": round(theirs, 4), "ratio": round(ratio, 3)}
    print(json.dumps({**row, "bar": bar, "holds": ratio <= bar, "note": note}))
