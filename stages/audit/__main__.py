"""Score curation against gold labels, where there are any, and draw the sample that experts review."""

import json
from pathlib import Path
from typing import Any

from stages.audit.params import Params
from stages.common.cli import run_stage
from stages.common.params import Base

DATA, OUT, METRICS = Path("data"), Path("reports/audit"), Path("reports/metrics/audit.json")


def make(block: Params, base: Base) -> dict[str, Any]:
    """Write reports/metrics/audit.json and reports/audit/sample.csv."""
    import pandas as pd

    from stages.common.files import write_bytes, write_json

    dataset = pd.read_parquet(DATA / "dataset" / "pairs.parquet")
    kept = dataset[dataset.split != ""]
    sample = kept.sample(min(block.sample, len(kept)), random_state=base.seed).sort_values("pair_id")
    columns = ["pair_id", "source", "image", "text", "box", "sub_pathology", "magnification", "confidence"]
    write_bytes(OUT / "sample.csv", sample[columns].to_csv(index=False).encode())
    has_gold = (Path(block.gold) / "videos.json").exists()
    metrics = _scores(block, base, dataset) if has_gold else {}
    write_json(METRICS, metrics | {"sample": len(sample)})
    return {"items": len(sample), "metrics": len(metrics)}


def _scores(block: Params, base: Base, dataset: Any) -> dict[str, Any]:
    """Every score that gold labels allow."""
    import pandas as pd

    from stages.audit.copies import copy_metrics
    from stages.audit.frames import frame_metrics
    from stages.audit.text import text_metrics
    from stages.audit.timeline import cut_metrics, hold_metrics, pair_metrics, roi_metrics
    from stages.common.device import pick_device
    from stages.common.files import read_json, read_tar
    from stages.common.lexicon import load_lexicon
    from stages.common.manifest import finished
    from stages.common.params import load

    gold = read_json(Path(block.gold) / "videos.json")
    keyframes, _ = load("keyframes")
    device = pick_device(base.device)
    names = {stage: finished(DATA / stage).id.tolist() for stage in ("keyframes", "transcripts", "captions", "rois")}
    holds = {name: pd.read_parquet(DATA / "keyframes" / f"{name}.parquet") for name in names["keyframes"]}
    cuts = {
        name: json.loads(read_tar(DATA / "keyframes" / f"{name}.tar", ["cuts.json"])["cuts.json"])
        for name in names["keyframes"]
    }
    videos = pd.read_parquet(DATA / "videos" / "videos.parquet").set_index("video_id")
    boxes = {name: pd.read_parquet(DATA / "rois" / f"{name}.parquet") for name in names["rois"]}
    heard = {name: read_json(DATA / "transcripts" / f"{name}.json") for name in names["captions"]}
    captions = {name: read_json(DATA / "captions" / f"{name}.json") for name in names["captions"]}
    pairs = pd.read_parquet(DATA / "pairs" / "pairs.parquet")
    return {
        **text_metrics(gold, heard, captions, load_lexicon(Path("models/lexicon"))),
        **hold_metrics(gold, holds, keyframes.min_hold_s, block.tolerance_s),
        **cut_metrics(gold, cuts, videos.fps.to_dict()),
        **roi_metrics(gold, boxes, block.min_iou),
        **pair_metrics(gold, pairs, holds),
        **copy_metrics(read_json(Path(block.gold) / "exports.json"), dataset),
        **frame_metrics(gold, DATA / "videos" / "media", Path("models/frame_filter"), base.jobs, base.seed, device),
    }


if __name__ == "__main__":
    run_stage("audit", make, __doc__)
