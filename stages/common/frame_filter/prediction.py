"""What a frame filter predicts for frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

# The frame flags, what spoils a frame: the eight impurities of QuiltCleaner (arXiv 2404.07676).
PERSON = "person"  # also found by a face detector
FLAGS = (PERSON, "desktop", "text", "arrow", "perspective", "overview", "controls", "panels")


@dataclass(frozen=True)
class Prediction:
    """For n frames: features (n, d), probability of histology (n,), and of each flag that it has learned (n,)."""

    features: Scores
    histology: Scores
    flags: dict[str, Scores]
