"""What a frame filter predicts for frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """For n frames: features (n, d), probability of histology (n,), and of each flag that it has learned (n,)."""

    features: Scores
    histology: Scores
    flags: dict[str, Scores]
