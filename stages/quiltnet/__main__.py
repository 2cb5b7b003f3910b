"""Fine-tune CLIP on the dataset's shards: data/dataset in, models/quiltnet out, in open_clip's form."""

from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.quiltnet.params import Params


def make(block: Params, base: Base) -> dict[str, Any]:
    """Tune and save the model."""
    from stages.common.device import pick_device
    from stages.quiltnet.train import train

    return train(
        block,
        Path("data/dataset"),
        Path("models/quiltnet"),
        Path("reports/metrics/quiltnet.json"),
        Path("reports/plots/quiltnet.csv"),
        pick_device(base.device),
        base.seed,
    )


if __name__ == "__main__":
    run_stage("quiltnet", make, __doc__)
