"""Rests of the camera that made no key frame: all of them with their reason, a few with a small picture."""

import heapq
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from stages.common.data.arrays import Picture
from stages.common.data.files import jpeg
from stages.common.frame_filter.faces import shows_face
from stages.common.tables.keyframes import PASSED, PASSED_MEMBER
from stages.keyframes.reader import DETAIL, shrink

SHOWN = 3  # pictures that are kept of a video for each reason
SIDE, QUALITY = 224, 80  # pixels of their long side, of the JPEG


@dataclass
class PassedOver:
    """The rests of `video` that were passed over so far. Which are shown is drawn by a hash of their names."""

    video: str
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _shown: dict[str, list[tuple[int, int, Picture]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reason: str, start: float, end: float, picture: Picture, probability: float = np.nan) -> None:
        """Count a rest from `start` to `end`, in seconds; `probability` is that its picture is histology, if known."""
        row = {"start_s": round(start, 3), "end_s": round(end, 3), "reason": reason, "histology_prob": probability}
        place = -zlib.crc32(f"{self.video} {start:.3f}".encode())  # the first to go has the largest hash
        drawn = self._shown[reason]
        heapq.heappush(drawn, (place, len(self._rows), shrink(picture, DETAIL)))
        self._rows.append(row | {"image": ""})
        if len(drawn) > SHOWN:
            heapq.heappop(drawn)

    def members(self) -> dict[str, bytes]:
        """What the video's tar has of them: the table, and the pictures in which no face is found."""
        pictures = {}
        for reason, drawn in self._shown.items():
            for _, number, picture in drawn:
                if not shows_face(picture):
                    name = f"{reason}_{number:04d}.jpg"
                    self._rows[number]["image"] = name
                    pictures[name] = jpeg(Image.fromarray(shrink(picture, SIDE)), QUALITY)
        return {PASSED_MEMBER: PASSED.to_bytes(PASSED.frame(self._rows))} | dict(sorted(pictures.items()))
