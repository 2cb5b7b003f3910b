"""Compute hashes, embedding and quality of every image, and CLIP similarity of pairs: data/fingerprints out."""

from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.fingerprints.params import Params

PAIRS, SOURCES = Path("data/pairs/pairs.parquet"), Path("data/sources")
OUT, MODEL = Path("data/fingerprints"), Path("models/frame_filter")


def run(params: Params, base: Base) -> dict[str, Any]:
    """Write images.parquet (all candidates), evalsets.parquet (all images of evalsets, which are not to be trained on)
    and similarity.parquet (all pairs)."""
    import pandas as pd

    from stages.common.data.files import write_json, write_table
    from stages.common.evalsets.protocol import read_protocol
    from stages.common.models.device import pick_device
    from stages.common.stage.params import load_params
    from stages.fingerprints.similarity import similarities
    from stages.fingerprints.work import fingerprints

    device = pick_device(base.device)
    paths = [PAIRS, *sorted(SOURCES.glob("*/pairs.parquet"))]
    pairs = pd.concat([pd.read_parquet(path, columns=["pair_id", "image", "text"]) for path in paths])
    images = fingerprints(sorted(pairs.image.unique()), MODEL, params.dims, base.jobs, device)
    write_table(OUT / "images.parquet", images)
    evaluation, _ = load_params("evaluation")
    tests = []
    for name, rows in read_protocol(evaluation.protocol, evaluation.evalsets)[1].items():
        # Training images of an evalset too: a linear probe learns from them, and they share slides with the others.
        table = fingerprints(rows.path.unique().tolist(), MODEL, params.dims, base.jobs, device)
        tests.append(table.assign(evalset=name))
    evalsets = pd.concat(tests, ignore_index=True) if tests else images.head(0).assign(evalset="")
    write_table(OUT / "evalsets.parquet", evalsets)
    fit = similarities(pairs, params.clip, device, base.jobs)
    write_table(OUT / "similarity.parquet", fit)
    metrics = {
        "images": len(images),
        "unreadable": int((images.error != "").sum()),
        "evalset_images": len(evalsets),
        "evalset_unreadable": int((evalsets.error != "").sum()),
        "blur": float(images.blur.mean()),
        "background": float(images.background.mean()),
        "similarity": float(fit.similarity.mean()) if fit.similarity.notna().any() else None,
        "impure": float((images.filter(like="flag_") >= 0.5).any(axis=1).mean()),
    }
    write_json(Path("reports/metrics/fingerprints.json"), metrics)
    return {"items": len(images) + len(evalsets), "images": len(images)}


if __name__ == "__main__":
    run_stage("fingerprints", run, __doc__)
