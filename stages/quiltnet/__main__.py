"""Fine-tune CLIP on the dataset's shards: data/dataset in, models/quiltnet out, in open_clip's form.

Under torchrun (`quiltnet.launcher`) several processes train one model together.
"""

from typing import Any

from stages.common.paths import (
    DATASET_DIR,
    LIVE_DIR,
    QUILTNET_DIR,
    TRAINING_CURVE_FILE,
    TRAINING_STATE_DIR,
    metrics_file,
)
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.quiltnet.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Tune and save the model."""
    from stages.common.models.device import pick_device
    from stages.common.stage.notes import NOTE
    from stages.quiltnet.distributed import join, leave
    from stages.quiltnet.train import Places, train

    places = Places(
        data=DATASET_DIR,
        out=QUILTNET_DIR,
        state=TRAINING_STATE_DIR,
        metrics=metrics_file("quiltnet"),
        curve=TRAINING_CURVE_FILE,
        live=LIVE_DIR,
    )
    note = places.data / NOTE
    words = note.read_text(encoding="utf-8") if note.exists() else ""
    try:
        return train(params, places, join(pick_device(base.device)), base.seed, words)
    finally:
        leave()


if __name__ == "__main__":
    run_stage("quiltnet", run, __doc__)
