"""The fitted frame filter, a histology classifier: is this frame histology, and what spoils it?"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.data.arrays import Picture
from stages.common.data.files import digest
from stages.common.frame_filter.ensemble import PublishedEnsemble
from stages.common.frame_filter.faces import shows_face
from stages.common.frame_filter.prediction import PERSON, Prediction, Scores
from stages.common.regions.content import LONG_SIDE
from stages.common.tables.frame_filter import FILTER_SPEC, FilterKind, FilterSpec
from stages.common.tables.schema import Record

HEADS = "heads.safetensors"
HISTOLOGY = "histology"
FILTER_KIND = Record(FILTER_SPEC.stage, FILTER_SPEC.path, FilterKind)  # what files of both kinds hold


class FrameFilter:
    """Logistic heads on a frozen backbone: one for histology and one for each flag that the labels had examples of.

    The flag `person` is also raised wherever a face is found.
    """

    def __init__(self, folder: Path, spec: FilterSpec, device: str) -> None:
        from safetensors.numpy import load_file

        from stages.common.models.backbone import Backbone

        self.size = spec["size"]
        self.threshold = spec["threshold"]
        self._heads = load_file(folder / HEADS)
        self._backbone = Backbone(spec["backbone"], spec["weights"], self.size, device)

    @property
    def long_side(self) -> int:
        """Pixels that the longer side of a frame needs so that its regions are found and the filter loses no detail."""
        return max(LONG_SIDE, 2 * self.size)

    def predict(self, images: Sequence[Picture], flags: bool = True) -> Prediction:
        """Predictions for RGB images of any size; without `flags`, of histology alone, which is quicker."""
        rows = self._backbone.features(images)
        return Prediction(rows, self._scores(HISTOLOGY, rows), self.flags(images, rows) if flags else {})

    def flags(self, images: Sequence[Picture], features: Scores) -> dict[str, Scores]:
        """The flags of images whose features were predicted before; most of the time goes into finding faces."""
        scores = {name: self._scores(name, features) for name in self._heads if name != HISTOLOGY}
        faces = np.array([shows_face(image) for image in images], np.float32)
        return scores | {PERSON: np.maximum(scores.get(PERSON, faces), faces)}

    def _scores(self, name: str, features: Scores) -> Scores:
        head = self._heads[name]
        return sigmoid(features @ head[:-1] + head[-1])

    def is_histology(self, probability: float) -> bool:
        """Whether a frame of this probability counts as histology."""
        return probability >= self.threshold


@functools.cache
def load_filter(folder: Path, device: str = "cpu") -> Any:
    """The filter in `folder`, a FrameFilter or a PublishedEnsemble, loaded once per process."""
    spec = folder / FILTER_SPEC.path.name
    if FILTER_KIND.read(spec)["kind"] == "published":
        return PublishedEnsemble(folder, device)
    return FrameFilter(folder, FILTER_SPEC.read(spec), device)


def filter_digest(folder: Path) -> str:
    """Identity of the filter in `folder`, for item keys."""
    spec = folder / FILTER_SPEC.path.name
    FILTER_KIND.read(spec)
    return digest(spec, *sorted(folder.glob("*.safetensors")))


def sigmoid(values: Scores) -> Scores:
    """The logistic function."""
    return np.asarray(1 / (1 + np.exp(-values)), np.float32)
