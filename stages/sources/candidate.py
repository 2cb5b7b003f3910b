"""A captioned image from outside, and the gate that all of them pass."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stages.common.files import write_json, write_table, write_tar
from stages.common.histology import load_filter
from stages.common.pairs import pairs_table


@dataclass(frozen=True)
class Candidate:
    """`key` names the image within its source; `group` is what must stay on one side of a split; `drop` is the reason
    why the source itself does not want it, "" otherwise."""

    key: str
    group: str
    image: bytes
    text: str
    provenance: str
    licence: str = ""
    drop: str = ""


def collect(
    candidates: Iterable[Candidate], source: str, out: Path, metrics: Path, model: Path, min_side: int, min_words: int
) -> dict[str, Any]:
    """Write `out`/pairs.parquet and `out`/images.tar with the candidates that show histology, count the rest."""
    judge = load_filter(model)
    seen, reasons = 0, Counter[str]()
    rows: list[dict[str, Any]] = []
    images: dict[str, bytes] = {}
    for candidate in sorted(candidates, key=lambda one: one.key):
        seen += 1
        reason, size = _gate(candidate, judge, min_side, min_words)
        if reason:
            reasons[reason] += 1
            continue
        images[f"{candidate.key}.jpg"] = candidate.image
        rows.append(
            {
                "pair_id": f"{source}_{candidate.key}",
                "source": source,
                "group": f"{source}_{candidate.group}",
                "image": f"{out.as_posix()}/images.tar#{candidate.key}.jpg",
                "text": candidate.text,
                "kind": "medical",
                "box": "[]",
                "entities": "[]",
                "width": size[1],
                "height": size[0],
                "confidence": 1.0,
                "reason": "captioned",
                "provenance": candidate.provenance,
                "licence": candidate.licence,
            }
        )
    write_table(out / "pairs.parquet", pairs_table(rows))
    write_tar(out / "images.tar", images)
    write_json(metrics, {"candidates": seen, "pairs": len(rows), "dropped": dict(sorted(reasons.items()))})
    return {"items": seen, "pairs": len(rows)}


def _gate(candidate: Candidate, judge: Any, min_side: int, min_words: int) -> tuple[str, tuple[int, int]]:
    """Return ("", (height, width)) for a candidate to keep, else its reason to go."""
    if candidate.drop:
        return candidate.drop, (0, 0)
    if len(candidate.text.split()) < min_words:
        return "text_too_short", (0, 0)
    pixels = cv2.imdecode(np.frombuffer(candidate.image, np.uint8), cv2.IMREAD_COLOR_RGB) if candidate.image else None
    if pixels is None:
        return "unreadable_image", (0, 0)
    height, width = pixels.shape[:2]
    if min(height, width) < min_side:
        return "image_too_small", (height, width)
    if not judge.keeps(float(judge.judge([pixels]).histology[0])):
        return "not_histology", (height, width)
    return "", (height, width)
