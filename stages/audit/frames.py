"""Score the frame filter on frames of the videos, which it was not fitted on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from stages.audit.gold import GoldShot, GoldVideo
from stages.common.data.media import decoded
from stages.common.frame_filter.classifier import load_filter
from stages.common.models.device import limit_threads
from stages.common.stats import bootstrap


def frame_metrics(
    gold: dict[str, GoldVideo], media: Mapping[str, Path], model: Path, jobs: int, seed: int, device: str
) -> dict[str, Any]:
    """Metric frame_filter over the middle frame of every labelled shot of the videos that have a file in `media`, none
    where there is no such frame; intervals resample videos."""
    from sklearn.metrics import balanced_accuracy_score

    shots = {name: label.shots for name, label in sorted(gold.items()) if label.shots}
    paths = {name: media[name] for name in shots if name in media}
    calls = (delayed(predicted_shots)(path, shots[name], model, jobs, device) for name, path in paths.items())
    rows = [(number, *pair) for number, pairs in enumerate(Parallel(n_jobs=jobs)(calls)) for pair in pairs]
    if not rows:
        return {}
    video, truth, found = (np.array(column) for column in zip(*rows, strict=True))
    low, high = bootstrap(
        lambda i: float(balanced_accuracy_score(truth[i], found[i])), len(truth), rounds=200, seed=seed, groups=video
    )
    return {
        "frame_filter": {
            "balanced_accuracy": float(balanced_accuracy_score(truth, found)),
            "balanced_accuracy_low": low,
            "balanced_accuracy_high": high,
            "frames": len(truth),
            "videos": len(paths),
        }
    }


def predicted_shots(path: Path, shots: list[GoldShot], model: Path, jobs: int, device: str) -> list[tuple[bool, bool]]:
    """Return (is histology, predicted histology) for the middle of each shot, decoding in order."""
    import av

    limit_threads(jobs)
    frame_filter = load_filter(model, device)
    wanted = sorted(((shot.start + shot.end) / 2, shot.histology) for shot in shots)
    frames, truth = [], []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "SLICE"
        for frame in decoded(container, container.streams.video[0]):
            if wanted and frame.time >= wanted[0][0]:
                truth.append(bool(wanted.pop(0)[1]))
                frames.append(frame.reformat(640, 360, format="rgb24").to_ndarray())
            if not wanted:
                break
    return list(
        zip(truth, (frame_filter.is_histology(float(p)) for p in frame_filter.predict(frames).histology), strict=True)
    )
