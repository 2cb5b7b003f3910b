"""Compare models beside the pipeline: reports/tables out. `dvc repro` runs none of this.

`protocols` measures zero-shot under every protocol of `comparison.protocols`.
"""

from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.comparison.params import Params


def run(params: Params, base: Base, what: str) -> dict[str, Any]:
    """Make one comparison of all models."""
    from stages.comparison.table import compare_protocols

    return {"protocols": compare_protocols}[what](params, base)


if __name__ == "__main__":
    run_stage("comparison", run, __doc__, choices=("protocols",))
