"""One video's keyframes: scan, screen, keep the holds that show histology."""

import functools
import json
from pathlib import Path

import pandas as pd
from PIL import Image

from stages.common.errors import Rejected
from stages.common.files import jpeg, write_table, write_tar
from stages.common.histology import load_filter
from stages.common.itemwise import Item
from stages.common.threads import limit_threads
from stages.keyframes.magnification import level, magnification
from stages.keyframes.narrative import narrative_share
from stages.keyframes.params import Params
from stages.keyframes.scan import scan

COLUMNS = ("chunk_id", "start_s", "end_s", "histology_prob", "magnification", "width", "height", "image")


def keyframes(item: Item, scratch: Path, block: Params, model: Path, jobs: int) -> None:
    """Write ID.parquet (one row a hold) and ID.tar (its images and cuts.json) below `scratch`.

    Raises Rejected("no_histology") or Rejected("not_narrative") for a video that is no lecture over histology.
    """
    limit_threads(jobs)
    judge = load_filter(model)
    found = scan(Path(item.data["path"]), block)
    seen = judge.features(found.screened)
    histology = judge.probabilities(seen) >= judge.threshold
    if not histology.any():
        raise Rejected("no_histology")
    streaks = narrative_share(seen[histology], block.narrative_frames, block.narrative_next, block.narrative_cosine)
    if streaks < block.narrative_share:
        raise Rejected("not_narrative")
    scores = judge.probabilities(judge.features([image for _, _, image in found.holds]))
    rows: list[tuple[object, ...]] = []
    images: dict[str, bytes] = {}
    for (start, end, image), score in zip(found.holds, scores, strict=True):
        if not judge.keeps(float(score)):
            continue
        name = f"{len(rows):04d}"
        images[f"{name}.jpg"] = jpeg(Image.fromarray(image))
        height, width = image.shape[:2]
        size = level(magnification(image, block.nucleus_um))
        rows.append((f"{item.id}_{name}", start, end, float(score), size, width, height, f"{name}.jpg"))
    if not rows:
        raise Rejected("no_histology_hold")
    images["cuts.json"] = (json.dumps([round(cut, 3) for cut in found.cuts]) + "\n").encode()
    write_tar(scratch / f"{item.id}.tar", images)
    write_table(scratch / f"{item.id}.parquet", pd.DataFrame(rows, columns=list(COLUMNS)))


def worker(block: Params, model: Path, jobs: int) -> functools.partial[None]:
    """`keyframes` with everything but the item bound."""
    return functools.partial(keyframes, block=block, model=model, jobs=jobs)
