"""One video's key frames: scan, pre-screen, keep the holds that show histology."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from stages.common.data.files import jpeg
from stages.common.data.tars import write_tar
from stages.common.errors import Rejected
from stages.common.frame_filter.classifier import load_filter
from stages.common.frame_filter.prediction import FLAGS
from stages.common.frame_filter.prescreening import Prescreening, reason_against
from stages.common.frame_filter.quality import background, blur
from stages.common.incremental.runner import Item
from stages.common.models.device import limit_threads
from stages.common.tables.keyframes import CUTS_MEMBER, HOLDS, OVERLAYS, OVERLAYS_MEMBER
from stages.keyframes.motion import Anchor
from stages.keyframes.params import Params
from stages.keyframes.reader import SMALL, shrink
from stages.keyframes.scan import Cut, StillImage, scan

SAME_VIEW_COSINE = 0.95  # of two clean images' features, below which they are not compared further
GAP_S = 1.0  # seconds; two holds of one view with no longer gap are one
OBJECTIVE_UM = 10.0  # micrometres a pixel times magnification: 0.5 at 20x, 0.25 at 40x
# Optical densities of haematoxylin, eosin and DAB in red, green and blue (Ruifrok and Johnston 2001); the row of the
# inverse that gives haematoxylin.
STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
HAEMATOXYLIN = np.linalg.inv(STAINS)[:, 0]
LONG_SIDE = 1280  # pixels; larger images are shrunk first


def keyframes(item: Item, scratch: Path, params: Params, model: Path, jobs: int, device: str) -> None:
    """Write ID.parquet and ID.tar below `scratch`: a row of HOLDS for each hold; images, cuts and overlays.

    Raises Rejected("no_histology"), Rejected("not_narrative") or Rejected("no_histology_hold") for a video that is not
    a lecture over histology, and what VideoReader raises.
    """
    threads = limit_threads(jobs, at_once=2)  # decoding has a thread of its own
    frame_filter = load_filter(model, device)
    prescreening = Prescreening(frame_filter)
    album = _Album(item.id, params, frame_filter)
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
        size = level(magnification(still.image, self.params.nucleus_um))
        if not image:
            image = f"{name}.jpg"
            self.images[image] = jpeg(Image.fromarray(still.image))
            self._images_seen.append((features / np.linalg.norm(features), grey, image))
        hold_id = f"{self.video}_{name}"
        times = {"hold_id": hold_id, "start_s": round(still.start, 3), "end_s": round(still.end, 3)}
        picture = {"histology_prob": score, "magnification": size, "width": width, "height": height, "image": image}
        flags = {
            f"flag_{flag}": float(predicted.flags[flag][0]) if flag in predicted.flags else np.nan
            for flag in dict.fromkeys([*FLAGS, *predicted.flags])
        }
        quality = {"blur": blur(still.image), "background": background(still.image)}
        self.rows.append(times | picture | quality | flags)
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


def magnification(image: NDArray[np.uint8], nucleus_um: float) -> float:
    """Return the estimated magnification of an RGB histology image, or 0 where no nucleus is found.

    Nuclei are the dark part of the haematoxylin channel (colour deconvolution, Otsu's threshold); half their width is
    the local maximum of the distance to the background, so that touching nuclei count one by one.
    """
    scale = min(1.0, LONG_SIDE / max(image.shape[:2]))
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    density = -np.log10(np.maximum(np.arange(256, dtype=np.float32) / 255, 1e-6))
    channel = cv2.transform(cv2.LUT(image, density), HAEMATOXYLIN[None].astype(np.float32))
    channel = cv2.GaussianBlur(np.maximum(channel, 0), (0, 0), 1.0)
    scaled = cv2.normalize(channel, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    _, nuclei = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    depth = cv2.distanceTransform(nuclei, cv2.DIST_L2, 5)
    peaks = (depth >= 1.5) & (depth == cv2.dilate(depth, np.ones((7, 7), np.uint8)))
    if not peaks.any():
        return 0.0
    diameter = 2 * float(np.median(depth[peaks])) / scale
    return OBJECTIVE_UM * diameter / nucleus_um


def level(estimate: float) -> int:
    """The paper's ordinal class: 0 for (1-10]x, 1 for (10-20]x, 2 above (section 4d)."""
    return 0 if estimate <= 10 else 1 if estimate <= 20 else 2
