"""One video's key frames: scan, pre-screen, keep the holds that show histology."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from stages.common.data.arrays import Grey, Picture
from stages.common.data.files import jpeg
from stages.common.data.tars import write_tar
from stages.common.errors import Rejected
from stages.common.frame_filter.classifier import load_filter
from stages.common.frame_filter.prediction import FLAGS, Prediction
from stages.common.frame_filter.prescreening import Prescreening, reason_against
from stages.common.frame_filter.quality import background, blur
from stages.common.incremental.runner import Item
from stages.common.magnification.estimator import ESTIMATED, Estimator, load_estimator
from stages.common.models.device import limit_threads
from stages.common.regions.boxes import Box
from stages.common.regions.crops import crop
from stages.common.regions.finder import tissue_regions
from stages.common.tables.keyframes import (
    CUTS_MEMBER,
    HOLDS,
    NO_TISSUE,
    NOT_HISTOLOGY,
    OVERLAYS,
    OVERLAYS_MEMBER,
    TOO_SHORT,
)
from stages.keyframes.motion import Anchor
from stages.keyframes.params import Params
from stages.keyframes.passed import PassedOver
from stages.keyframes.reader import SMALL, shrink
from stages.keyframes.scan import Cut, ShortStop, StillImage, scan

SAME_VIEW_COSINE = 0.95  # of two clean images' features, below which they are not compared further
SAME_VIEW_SHIFT = 0.003  # of the long side: views that lie farther apart are two images
GAP_S = 1.0  # seconds; two holds of one view with no longer gap are one


def keyframes(
    item: Item, scratch: Path, params: Params, model: Path, jobs: int, device: str, estimator: Path | None = None
) -> None:
    """Write ID.parquet and ID.tar below `scratch`: a row of HOLDS for each region; images, cuts, overlays, and the
    rests of the camera that were passed over.

    `estimator` is the folder of the estimate of magnification, which is empty without one.

    Raises Rejected("no_histology"), Rejected("not_narrative") or Rejected("no_histology_hold") for a video that is not
    a lecture over histology, and what VideoReader raises.
    """
    threads = limit_threads(jobs, at_once=2)  # decoding has a thread of its own
    frame_filter = load_filter(model, device)
    prescreening = Prescreening(frame_filter)
    passed = PassedOver(item.id)
    album = _Album(item.id, params, frame_filter, load_estimator(estimator) if estimator else None, passed)
    cuts = []
    for found in scan(Path(item.data["path"]), params, threads, frame_filter.long_side):
        if isinstance(found, Cut):
            cuts.append(round(found.time, 3))
        elif isinstance(found, StillImage):
            album.add(found)
        elif isinstance(found, ShortStop):
            passed.add(TOO_SHORT, found.start, found.end, found.picture)
        elif found.picture is None:
            prescreening.add_again()
        else:
            prescreening.add(found.picture)
    if reason := reason_against(*prescreening.shares(params.prescreening), params.prescreening):
        raise Rejected(reason)
    if not album.rows:
        raise Rejected("no_histology_hold")
    members = album.images | passed.members()
    members[CUTS_MEMBER] = (json.dumps(cuts) + "\n").encode()
    members[OVERLAYS_MEMBER] = OVERLAYS.to_bytes(pd.concat(album.overlays, ignore_index=True))
    write_tar(scratch / f"{item.id}.tar", members)
    HOLDS.write(scratch / f"{item.id}.parquet", pd.DataFrame(album.rows))


@dataclass(frozen=True)
class _Shown:
    """A kept image: its unit feature vector, its small grey picture, and what the table says of it."""

    features: np.ndarray
    grey: Grey
    described: dict[str, Any]


@dataclass
class _Album:
    """The histology holds of a video so far, a row for each region that shows it; each view once. Other holds are
    handed to `passed`."""

    video: str
    params: Params
    frame_filter: Any
    estimator: Estimator | None
    passed: PassedOver
    rows: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    overlays: list[pd.DataFrame] = field(default_factory=list)
    holds: int = 0
    _shown: list[_Shown] = field(default_factory=list)

    def add(self, still: StillImage) -> None:
        """Keep the regions of `still` that are histology. A view seen before keeps its image, and what is said of it;
        a hold right after it extends it."""
        regions = tissue_regions(still.image, still.moving)
        if not regions:
            self.passed.add(NO_TISSUE, still.start, still.end, still.image)
            return
        parts = [crop(still.image, region) for region in regions]
        predicted = self.frame_filter.predict(parts, flags=False)
        kept = [n for n, score in enumerate(predicted.histology) if self.frame_filter.is_histology(float(score))]
        if not kept:
            probability = float(predicted.histology.max())
            self.passed.add(NOT_HISTOLOGY, still.start, still.end, still.image, probability)
            return
        seen = [self._seen(predicted.features[n], parts[n]) for n in kept]
        if last := self._goes_on(seen, still.start):
            for row in last:
                row["end_s"] = round(still.end, 3)
            self.overlays.append(still.overlays.assign(hold_id=last[0]["hold_id"]))
            return
        name = f"{self.holds:04d}"
        self.holds += 1
        times = {"start_s": round(still.start, 3), "end_s": round(still.end, 3)}
        for number, (n, shown) in enumerate(zip(kept, seen, strict=True)):
            image = f"{name}.jpg" if number == 0 else f"{name}_{number}.jpg"
            shown = shown or self._keep(parts[n], predicted, n, image)
            place = {"hold_id": f"{self.video}_{name}", "region": number} | times | _shares(regions[n].box, still.image)
            self.rows.append(place | shown.described)
        self.overlays.append(still.overlays.assign(hold_id=f"{self.video}_{name}"))

    def _goes_on(self, seen: list[_Shown | None], start: float) -> list[dict[str, Any]]:
        """The rows of the hold before, where it shows the images `seen` and ended just before `start`; else none."""
        last = [row for row in self.rows[-len(seen) :] if row["hold_id"] == self.rows[-1]["hold_id"]]
        images = [shown and shown.described["image"] for shown in seen]
        same = all(images) and [row["image"] for row in last] == images and last[0]["region"] == 0
        return last if same and start - last[0]["end_s"] <= GAP_S else []

    def _keep(self, part: Picture, predicted: Prediction, number: int, name: str) -> _Shown:
        """Store an image that was not seen before, the filter's prediction `number`."""
        self.images[name] = jpeg(Image.fromarray(part))
        features = predicted.features[number]
        described = self._described(part, predicted, number) | {"image": name}
        self._shown.append(_Shown(features / np.linalg.norm(features), _grey(part), described))
        return self._shown[-1]

    def _described(self, part: Picture, predicted: Prediction, number: int) -> dict[str, Any]:
        """What the table says of an image, the filter's prediction `number`."""
        height, width = part.shape[:2]
        found = self.frame_filter.flags([part], predicted.features[number : number + 1])
        flags = {
            f"flag_{flag}": float(found[flag][0]) if flag in found else np.nan
            for flag in dict.fromkeys([*FLAGS, *found])
        }
        magnification = self.estimator.estimate(part) if self.estimator else np.nan
        return {
            "histology_prob": float(predicted.histology[number]),
            "magnification": magnification,
            "magnification_how": "" if np.isnan(magnification) else ESTIMATED,
            "width": width,
            "height": height,
            "blur": blur(part),
            "background": background(part),
        } | flags

    def _seen(self, features: np.ndarray, part: Picture) -> _Shown | None:
        """The image of the same view among those kept."""
        unit, grey = features / np.linalg.norm(features), _grey(part)
        for shown in reversed(self._shown):
            if shown.grey.shape == grey.shape and float(unit @ shown.features) >= SAME_VIEW_COSINE:
                shift = Anchor(shown.grey, self.params.changed_block_fraction).shift(grey)
                if shift is not None and shift.size <= SAME_VIEW_SHIFT * SMALL:
                    return shown
        return None


def _grey(part: Picture) -> Grey:
    """Green, shrunk: what views are compared by."""
    return shrink(np.ascontiguousarray(part[..., 1]), SMALL)


def _shares(box: Box, image: Picture) -> dict[str, float]:
    """A box as shares of the frame."""
    height, width = image.shape[:2]
    sides = (box.left / width, box.top / height, box.right / width, box.bottom / height)
    return dict(zip(("x0", "y0", "x1", "y1"), (round(side, 4) for side in sides), strict=True))
