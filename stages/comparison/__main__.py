"""Compare models beside the pipeline: reports/comparison out. `dvc repro` runs none of this.

`protocols` measures zero-shot under every protocol of `comparison.protocols`; `robustness` under `evaluation.protocol`,
on pictures that are turned, blurred, stained otherwise or compressed; `slides` under `comparison.slides`, on whole
slides; `institutions` the tuned model on what each of `comparison.institutions` shows, beside one that was trained
without it; `ablations` runs the experiments of `comparison.ablations` and puts what came of each side by side.
"""

from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.comparison.params import Params


def run(params: Params, base: Base, what: str) -> dict[str, Any]:
    """Make one comparison of all models."""
    from stages.comparison.ablations import compare_ablations
    from stages.comparison.compare import compare_protocols
    from stages.comparison.institutions import compare_institutions
    from stages.comparison.robustness import compare_robustness
    from stages.comparison.slides import compare_slides

    comparisons = {
        "protocols": compare_protocols,
        "robustness": compare_robustness,
        "slides": compare_slides,
        "institutions": compare_institutions,
        "ablations": compare_ablations,
    }
    return comparisons[what](params, base)


if __name__ == "__main__":
    run_stage("comparison", run, __doc__, choices=("protocols", "robustness", "slides", "institutions", "ablations"))
