"""One video's keyframes: scan, pre-screen, keep the holds that show histology."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from stages.common.data.files import jpeg, write_table, write_tar
from stages.common.errors import Rejected
from stages.common.frame_filter.classifier import FLAGS, load_filter
from stages.common.frame_filter.prescreening import Prescreening, reason_against
from stages.common.frame_filter.quality import background, blur
from stages.common.incremental.runner import Item
from stages.common.models.threads import limit_threads
from stages.keyframes.magnification import level, magnification
from stages.keyframes.motion import Anchor
from stages.keyframes.params import Params
from stages.keyframes.reader import SMALL, shrink
from stages.keyframes.scan import Cut, StillImage, scan

COLUMNS = ("hold_id", "start_s", "end_s", "histology_prob", "magnification", "width", "height", "image")
QUALITY = ("blur", "background", *(f"flag_{name}" for name in FLAGS))
ALIKE = 0.95  # cosine of two clean images' features below which they are not compared further
GAP_S = 1.0  # two holds of one view this close together are one


def keyframes(item: Item, scratch: Path, params: Params, model: Path, jobs: int, device: str) -> None:
    """Write ID.parquet and ID.tar below `scratch`: a row of COLUMNS and QUALITY a hold; images, cuts and overlays.

    Raises Rejected("no_histology"), Rejected("not_narrative") or Rejected("no_histology_hold") for a video that is no
    lecture over histology, and what VideoReader raises.
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
        "cuts.json": (json.dumps(cuts) + "\n").encode(),
        "overlays.parquet": _parquet(pd.concat(album.overlays)),
    }
    write_tar(scratch / f"{item.id}.tar", members)
    write_table(scratch / f"{item.id}.parquet", pd.DataFrame(album.rows)[[*COLUMNS, *QUALITY]])


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
        """Keep `still` if it is histology. An earlier view's image is used again; a hold right after it goes on."""
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
        values = (hold_id, round(still.start, 3), round(still.end, 3), score, size, width, height, image)
        flags = {
            f"flag_{flag}": float(predicted.flags[flag][0]) if flag in predicted.flags else np.nan for flag in FLAGS
        }
        quality = {"blur": blur(still.image), "background": background(still.image)}
        self.rows.append(dict(zip(COLUMNS, values, strict=True)) | quality | flags)
        self.overlays.append(still.overlays.assign(hold_id=hold_id))

    def _seen(self, features: np.ndarray, grey: np.ndarray) -> str:
        """The image of the same view among those kept, or ""."""
        unit = features / np.linalg.norm(features)
        for other, before, image in reversed(self._images_seen):
            if before.shape == grey.shape and float(unit @ other) >= ALIKE:
                shift = Anchor(before, self.params.changed_block_fraction).shift(grey)
                if shift is not None and shift.size <= self.params.max_shift * SMALL:
                    return image
        return ""


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.reset_index(drop=True).to_parquet(buffer, index=False)
    return buffer.getvalue()
