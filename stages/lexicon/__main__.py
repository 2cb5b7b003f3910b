"""Build one term index with concept ids and semantic types: open vocabularies in, models/lexicon out."""

from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.lexicon.params import Params


def make(block: Params, base: Base) -> dict[str, Any]:
    """Build and save the index."""
    from stages.lexicon.build import build

    return build(block, Path("models/lexicon"), Path("reports/metrics/lexicon.json"))


if __name__ == "__main__":
    run_stage("lexicon", make, __doc__)
