"""Ten thousand items that are up to date, against joblib.Memory answering the same calls from its cache."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from joblib import Memory

from benchmarks import report, seconds
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.runner import Item, run_items
from stages.common.stage.params import load_params
from stages.keyframes.work import keyframes

COUNT = 10_000


def copy(item: Item, scratch: Path) -> None:
    """The least a per-item stage can do."""
    (scratch / f"{item.id}.txt").write_text(item.digest)


def cached(name: str, digest: str) -> str:
    """The same for joblib.Memory, whose store holds the result."""
    return digest


def recall(items: list[Item], call: Callable[[str, str], str]) -> None:
    """Ask joblib.Memory for every item."""
    for item in items:
        call(item.id, item.digest)


if __name__ == "__main__":
    base = load_params("base")[1]
    items = [Item(f"item{n:05d}", f"{n:064d}") for n in range(COUNT)]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        again = partial(
            run_items,
            items,
            copy,
            name="ours",
            out=store / "ours",
            files=("{id}.txt",),
            keys=store / "keys.parquet",
            needs=Dependencies(code=(keyframes,)),
            base=base,
        )
        memory = Memory(store / "theirs", verbose=0).cache(cached)
        again()
        recall(items, memory)
        theirs = seconds(lambda: recall(items, memory))
        report("incremental", seconds(again), theirs, 1.0, f"{COUNT} items up to date, against joblib.Memory")
