"""One video's keyframes: scan, screen, keep the holds that show histology."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from stages.common.errors import Rejected
from stages.common.files import jpeg, write_table, write_tar
from stages.common.histology import FLAGS, load_filter
from stages.common.itemwise import Item
from stages.common.quality import blur, glass
from stages.common.screening import Screening, reason_against
from stages.common.threads import limit_threads
from stages.keyframes.film import SMALL, shrink
from stages.keyframes.magnification import level, magnification
from stages.keyframes.motion import Anchor
from stages.keyframes.params import Params
from stages.keyframes.scan import Cut, StillView, scan

COLUMNS = ("chunk_id", "start_s", "end_s", "histology_prob", "magnification", "width", "height", "image")
QUALITY = ("blur", "glass", *(f"flag_{name}" for name in FLAGS))
ALIKE = 0.95  # cosine of two clean images' features below which they are not compared further
GAP_S = 1.0  # two holds of one view this close together are one


def keyframes(item: Item, scratch: Path, block: Params, model: Path, jobs: int, device: str) -> None:
    """Write ID.parquet and ID.tar below `scratch`: a row of COLUMNS and QUALITY a hold; images, cuts and marks.

    Raises Rejected("no_histology"), Rejected("not_narrative") or Rejected("no_histology_hold") for a video that is no
    lecture over histology, and what Film raises.
    """
    threads = limit_threads(jobs, at_once=2)  # decoding goes on beside the rest
    judge = load_filter(model, device)
    screening = Screening(judge)
    album = _Album(item.id, block, judge)
    cuts = []
    for found in scan(Path(item.data["path"]), block, threads, judge.long_side):
        if isinstance(found, Cut):
            cuts.append(round(found.time, 3))
        elif isinstance(found, StillView):
            album.add(found)
        elif found.picture is None:
            screening.add_again()
        else:
            screening.add(found.picture)
    if reason := reason_against(*screening.shares(block.screening), block.screening):
        raise Rejected(reason)
    if not album.rows:
        raise Rejected("no_histology_hold")
    members = album.images | {
        "cuts.json": (json.dumps(cuts) + "\n").encode(),
        "marks.parquet": _parquet(pd.concat(album.marks)),
    }
    write_tar(scratch / f"{item.id}.tar", members)
    write_table(scratch / f"{item.id}.parquet", pd.DataFrame(album.rows)[[*COLUMNS, *QUALITY]])


@dataclass
class _Album:
    """The histology holds of a video so far, each view once."""

    video: str
    block: Params
    judge: Any
    rows: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    marks: list[pd.DataFrame] = field(default_factory=list)
    _views: list[tuple[np.ndarray, np.ndarray, str]] = field(default_factory=list)

    def add(self, view: StillView) -> None:
        """Keep `view` if it is histology. A view seen before shares its image; straight after it, it goes on."""
        judged = self.judge.judge([view.image])
        features, score = judged.features[0], float(judged.histology[0])
        if not self.judge.keeps(score):
            return
        height, width = view.image.shape[:2]
        grey = shrink(np.ascontiguousarray(view.image[..., 1]), SMALL)
        image = self._seen(features, grey)
        last = self.rows[-1] if self.rows else None
        if image and last and last["image"] == image and view.start - last["end_s"] <= GAP_S:
            last["end_s"] = round(view.end, 3)
            self.marks.append(view.marks.assign(chunk_id=last["chunk_id"]))
            return
        name = f"{len(self.rows):04d}"
        size = level(magnification(view.image, self.block.nucleus_um))
        if not image:
            image = f"{name}.jpg"
            self.images[image] = jpeg(Image.fromarray(view.image))
            self._views.append((features / np.linalg.norm(features), grey, image))
        chunk = f"{self.video}_{name}"
        values = (chunk, round(view.start, 3), round(view.end, 3), score, size, width, height, image)
        flags = {f"flag_{flag}": float(judged.flags[flag][0]) if flag in judged.flags else np.nan for flag in FLAGS}
        quality = {"blur": blur(view.image), "glass": glass(view.image)}
        self.rows.append(dict(zip(COLUMNS, values, strict=True)) | quality | flags)
        self.marks.append(view.marks.assign(chunk_id=chunk))

    def _seen(self, features: np.ndarray, grey: np.ndarray) -> str:
        """The image of the same view among those kept, or ""."""
        unit = features / np.linalg.norm(features)
        for other, before, image in reversed(self._views):
            if before.shape == grey.shape and float(unit @ other) >= ALIKE:
                shift = Anchor(before, self.block.moving_share).shift(grey)
                if shift is not None and shift.size <= self.block.tolerance * SMALL:
                    return image
        return ""


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.reset_index(drop=True).to_parquet(buffer, index=False)
    return buffer.getvalue()
