"""Is a video a lecture over histology? The paper's narrative test, section 4c."""

import numpy as np
from numpy.typing import NDArray


def narrative_share(features: NDArray[np.float32], frames: int, following: int, cosine: float) -> float:
    """Return the share of sampled histology frames that begin a streak.

    `features` has one row per histology frame, in time order. Up to `frames` of them are sampled evenly; one begins a
    streak when the cosine similarity to each of the `following` next ones is at least `cosine`.
    """
    starts = len(features) - following
    if starts <= 0:
        return 0.0
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    picked = np.unique(np.linspace(0, starts - 1, min(frames, starts)).round().astype(int))
    near = np.stack([(unit[picked] * unit[picked + step]).sum(1) for step in range(1, following + 1)])
    return float((near >= cosine).all(0).mean())
