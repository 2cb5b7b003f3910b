"""Build one term index with concept ids and semantic types: open vocabularies in, models/lexicon out."""

from typing import Any

from stages.common.paths import LEXICON_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.lexicon.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Build and save the index."""
    from stages.lexicon.build import build

    return build(params, LEXICON_DIR, metrics_file("lexicon"))


if __name__ == "__main__":
    run_stage("lexicon", run, __doc__)
