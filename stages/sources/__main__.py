"""Read one of the sources beside video: pubmed, openpath or laion in, data/sources/NAME out."""

import importlib
from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.sources.params import Params


def make(block: Params, base: Base, name: str) -> dict[str, Any]:
    """Read, split, clean and screen one source."""
    from stages.sources.candidate import collect

    module = importlib.import_module(f"stages.sources.{name}")
    return collect(
        module.candidates(getattr(block, name)),
        name,
        Path("data/sources") / name,
        Path(f"reports/metrics/sources_{name}.json"),
        Path("models/frame_filter"),
        block.min_side,
        block.min_words,
    )


if __name__ == "__main__":
    run_stage("sources", make, __doc__, choices=("pubmed", "openpath", "laion"))
