"""Is a video a lecture over histology? Histology share, and the paper's test of narrative style (section 4c)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.common.stage.params import ParamsModel

BATCH = 8  # frames predicted at once: few, so that decoding does not wait long


class PrescreeningRules(ParamsModel):
    """What a video must show."""

    fps: float = Field(gt=0)
    min_histology: float = Field(ge=0, le=1)
    narrative_frames: int = Field(ge=1)
    narrative_next: int = Field(ge=1)
    narrative_cosine: float = Field(gt=0, le=1)
    min_narrative: float = Field(ge=0, le=1)


class Prescreening:
    """Feed RGB frames at an even rate, then ask for the verdict. Keeps one feature row per prediction, no frames."""

    def __init__(self, frame_filter: Any) -> None:
        self._frame_filter = frame_filter
        self._queue: list[NDArray[np.uint8]] = []
        self._predictions: list[Any] = []
        self._samples: list[int] = []

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Take the next frame."""
        self._queue.append(picture)
        self._samples.append(self._samples[-1] + 1 if self._samples else 0)
        if len(self._queue) == BATCH:
            self._predict_queue()

    def add_again(self) -> None:
        """The next frame shows the same as the one before; nothing is computed."""
        self._samples.append(self._samples[-1])

    def shares(self, rules: PrescreeningRules) -> tuple[float, float]:
        """Return the share of frames that are histology and the share of those sampled that begin a streak."""
        self._predict_queue()
        if not self._samples:
            return 0.0, 0.0
        histology = (
            np.concatenate([prediction.histology for prediction in self._predictions])[self._samples]
            >= self._frame_filter.threshold
        )
        features = np.concatenate([prediction.features for prediction in self._predictions])[self._samples][histology]
        return float(histology.mean()), narrative_share(
            features, rules.narrative_frames, rules.narrative_next, rules.narrative_cosine
        )

    def _predict_queue(self) -> None:
        if self._queue:
            self._predictions.append(self._frame_filter.predict(self._queue, flags=False))
            self._queue.clear()


def reason_against(histology: float, narrative: float, rules: PrescreeningRules) -> str:
    """The reason to reject a video with these shares, or ""."""
    if histology <= 0 or histology < rules.min_histology:
        return "no_histology"
    return "not_narrative" if narrative < rules.min_narrative else ""


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
