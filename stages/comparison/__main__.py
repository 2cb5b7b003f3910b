"""Compare models beside the pipeline: reports/tables out. `dvc repro` runs none of this.

`protocols` measures zero-shot under every protocol of `comparison.protocols`; `robustness` under `evaluation.protocol`,
on pictures that are turned, blurred, stained otherwise or compressed.
"""

from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.comparison.params import Params


def run(params: Params, base: Base, what: str) -> dict[str, Any]:
    """Make one comparison of all models."""
    from stages.comparison.compare import compare_protocols
    from stages.comparison.robustness import compare_robustness

    return {"protocols": compare_protocols, "robustness": compare_robustness}[what](params, base)


if __name__ == "__main__":
    run_stage("comparison", run, __doc__, choices=("protocols", "robustness"))
