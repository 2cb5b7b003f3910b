"""One video's key frames: scan, pre-screen, keep the holds that show histology."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from stages.common.data.files import jpeg
from stages.common.data.tars import write_tar
from stages.common.errors import Rejected
from stages.common.frame_filter.classifier import load_filter
from stages.common.frame_filter.prediction import FLAGS
from stages.common.frame_filter.prescreening import Prescreening, reason_against
from stages.common.frame_filter.quality import background, blur
from stages.common.incremental.runner import Item
from stages.common.magnification.estimator import ESTIMATED, Estimator, load_estimator
from stages.common.models.device import limit_threads
from stages.common.tables.keyframes import CUTS_MEMBER, HOLDS, OVERLAYS, OVERLAYS_MEMBER
from stages.keyframes.motion import Anchor
from stages.keyframes.params import Params
from stages.keyframes.reader import SMALL, shrink
from stages.keyframes.scan import Cut, StillImage, scan

SAME_VIEW_COSINE = 0.95  # of two clean images' features, below which they are not compared further
GAP_S = 1.0  # seconds; two holds of one view with no longer gap are one


def keyframes(
    item: Item, scratch: Path, params: Params, model: Path, jobs: int, device: str, estimator: Path | None = None
) -> None:
    """Write ID.parquet and ID.tar below `scratch`: a row of HOLDS for each hold; images, cuts and overlays.

    `estimator` is the folder of the estimate of magnification, which is empty without one.

    Raises Rejected("no_histology"), Rejected("not_narrative") or Rejected("no_histology_hold") for a video that is not
    a lecture over histology, and what VideoReader raises.
    """
    threads = limit_threads(jobs, at_once=2)  # decoding has a thread of its own
    frame_filter = load_filter(model, device)
    prescreening = Prescreening(frame_filter)
    album = _Album(item.id, params, frame_filter, load_estimator(estimator) if estimator else None)
    cuts = []
    for found in scan(Path(item.data["path"]), params, threads, frame_filter.long_side):
        if isinstance(found, Cut):
            cuts.append(round(found.time, 3))
        elif isinstance(found, StillImage):
            album.add(found)
        elif found.picture is None:
            prescreening.add_again()
        else:
            prescreening.add(found.picture)
    if reason := reason_against(*prescreening.shares(params.prescreening), params.prescreening):
        raise Rejected(reason)
    if not album.rows:
        raise Rejected("no_histology_hold")
    members = album.images | {
        CUTS_MEMBER: (json.dumps(cuts) + "\n").encode(),
        OVERLAYS_MEMBER: OVERLAYS.to_bytes(pd.concat(album.overlays, ignore_index=True)),
    }
    write_tar(scratch / f"{item.id}.tar", members)
    HOLDS.write(scratch / f"{item.id}.parquet", pd.DataFrame(album.rows))


@dataclass
class _Album:
    """The histology holds of a video so far, each view once."""

    video: str
    params: Params
    frame_filter: Any
    estimator: Estimator | None
    rows: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    overlays: list[pd.DataFrame] = field(default_factory=list)
    _images_seen: list[tuple[np.ndarray, np.ndarray, str]] = field(default_factory=list)

    def add(self, still: StillImage) -> None:
        """Keep `still` if it is histology. A view seen before keeps its image; a hold right after it extends it."""
        predicted = self.frame_filter.predict([still.image])
        features, score = predicted.features[0], float(predicted.histology[0])
        if not self.frame_filter.is_histology(score):
            return
        height, width = still.image.shape[:2]
        grey = shrink(np.ascontiguousarray(still.image[..., 1]), SMALL)
        image = self._seen(features, grey)
        last = self.rows[-1] if self.rows else None
        if image and last and last["image"] == image and still.start - last["end_s"] <= GAP_S:
            last["end_s"] = round(still.end, 3)
            self.overlays.append(still.overlays.assign(hold_id=last["hold_id"]))
            return
        name = f"{len(self.rows):04d}"
        level = self.estimator.estimate(still.image) if self.estimator else np.nan
        size = {"magnification": level, "magnification_how": "" if np.isnan(level) else ESTIMATED}
        if not image:
            image = f"{name}.jpg"
            self.images[image] = jpeg(Image.fromarray(still.image))
            self._images_seen.append((features / np.linalg.norm(features), grey, image))
        hold_id = f"{self.video}_{name}"
        times = {"hold_id": hold_id, "start_s": round(still.start, 3), "end_s": round(still.end, 3)}
        picture = {"histology_prob": score, "width": width, "height": height, "image": image}
        flags = {
            f"flag_{flag}": float(predicted.flags[flag][0]) if flag in predicted.flags else np.nan
            for flag in dict.fromkeys([*FLAGS, *predicted.flags])
        }
        quality = {"blur": blur(still.image), "background": background(still.image)}
        self.rows.append(times | picture | size | quality | flags)
        self.overlays.append(still.overlays.assign(hold_id=hold_id))

    def _seen(self, features: np.ndarray, grey: np.ndarray) -> str:
        """The image of the same view among those kept, or ""."""
        unit = features / np.linalg.norm(features)
        for other, before, image in reversed(self._images_seen):
            if before.shape == grey.shape and float(unit @ other) >= SAME_VIEW_COSINE:
                shift = Anchor(before, self.params.changed_block_fraction).shift(grey)
                if shift is not None and shift.size <= self.params.max_shift * SMALL:
                    return image
        return ""
