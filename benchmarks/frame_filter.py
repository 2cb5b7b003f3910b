"""The frame filter on frames of videos from unseen seeds, and on each real slide when it is left out of training."""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score

from benchmarks import report
from benchmarks.lectures import record_all
from stages.audit.frames import predicted_shots
from stages.common.data.files import read_json
from stages.common.stage.params import load_params
from stages.common.stats import bootstrap
from stages.demo.frames import make_frames
from stages.frame_filter.fit import fit

SEEDS = (2001, 2002)


def measure(folder: Path) -> None:
    """Fit on the demo's frames and print both figures."""
    params, base = load_params("frame_filter")
    make_frames(folder / "frames", "small", seed=0, jobs=-1)
    model = folder / "model"
    fit(params.model_copy(update={"frames": str(folder / "frames")}), model, folder / "metrics.json", base.seed, "cpu")
    rows = [
        (number, *pair)
        for number, lecture in enumerate(record_all(folder, SEEDS))
        for pair in predicted_shots(lecture.path, lecture.label["shots"], model, 1, "cpu")
    ]
    video, truth, found = (np.array(column) for column in zip(*rows, strict=True))
    low, high = bootstrap(
        lambda i: float(balanced_accuracy_score(truth[i], found[i])), len(truth), rounds=200, seed=0, groups=video
    )
    note = f"{len(truth)} frames of {video.max() + 1} videos, 95 % interval {low:.3f} to {high:.3f}"
    accuracy = float(balanced_accuracy_score(truth, found))
    report("frame filter, unseen videos", accuracy, None, 0.97, note, unit="balanced accuracy", at_least=True)
    metrics = read_json(folder / "metrics.json")
    right = metrics["leave_one_source_out"]
    note = ", ".join(f"{name.removeprefix('real')[1:]} {share:.2f}" for name, share in right.items())
    unseen = metrics["balanced_accuracy"]
    report("frame filter, unseen real sources", unseen, None, 0.8, note, unit="balanced accuracy", at_least=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        measure(Path(place))
