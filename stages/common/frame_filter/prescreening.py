"""Is a video a lecture over histology? Histology share, and the paper's test of narrative style (section 4c)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.common.data.arrays import Picture
from stages.common.regions.crops import tissue_crops
from stages.common.stage.params import ParamsModel

BATCH = 8  # regions predicted at once: few, so that decoding does not wait long


class PrescreeningRules(ParamsModel):
    """What a video must show."""

    fps: float = Field(gt=0)
    min_histology: float = Field(ge=0, le=1)
    narrative_frames: int = Field(ge=1)
    narrative_next: int = Field(ge=1)
    narrative_cosine: float = Field(gt=0, le=1)
    min_narrative: float = Field(ge=0, le=1)


class Prescreening:
    """Feed RGB frames at an even rate, then ask for the verdict. Keeps one feature row per region, no frames.

    A frame is histology where one of its regions is, which `regions` cuts out; one without any is not.
    """

    def __init__(self, frame_filter: Any, regions: Callable[[Picture], list[Picture]] = tissue_crops) -> None:
        self._frame_filter = frame_filter
        self._regions = regions
        self._queue: list[Picture] = []
        self._frames: list[int] = []  # which frame each region is of
        self._predictions: list[Any] = []
        self._samples: list[int] = []

    def add(self, picture: Picture) -> None:
        """Take the next frame."""
        self._samples.append(self._samples[-1] + 1 if self._samples else 0)
        for region in self._regions(picture):
            self._queue.append(region)
            self._frames.append(self._samples[-1])
            if len(self._queue) == BATCH:
                self._predict_queue()

    def add_again(self) -> None:
        """The next frame shows the same as the one before; nothing is computed."""
        self._samples.append(self._samples[-1])

    def shares(self, rules: PrescreeningRules) -> tuple[float, float]:
        """Return the share of frames that are histology and the share of those sampled that begin a streak."""
        self._predict_queue()
        if not self._predictions:
            return 0.0, 0.0
        scores, features = (
            np.concatenate([getattr(prediction, name) for prediction in self._predictions])
            for name in ("histology", "features")
        )
        best: dict[int, int] = {}  # the region of each frame that is most surely histology
        for region in np.argsort(scores, kind="stable").tolist():
            best[self._frames[region]] = region
        kept = {frame: region for frame, region in best.items() if scores[region] >= self._frame_filter.threshold}
        shown = [kept[frame] for frame in self._samples if frame in kept]
        return len(shown) / len(self._samples), narrative_share(
            features[shown], rules.narrative_frames, rules.narrative_next, rules.narrative_cosine
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
