"""Note hashes, embedding and quality of every image: pairs, sources and evalsets in, data/fingerprints out."""

from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.fingerprints.params import Params

PAIRS, SOURCES = Path("data/pairs/pairs.parquet"), Path("data/sources")
OUT, MODEL = Path("data/fingerprints"), Path("models/frame_filter")


def make(block: Params, base: Base) -> dict[str, Any]:
    """Write images.parquet, of all candidates, and evalsets.parquet, of all images that may not be trained on."""
    import pandas as pd

    from stages.common.evalsets import load_protocol, read_evalset
    from stages.common.files import write_json, write_table
    from stages.common.params import load
    from stages.fingerprints.work import fingerprints

    tables = [PAIRS, *sorted(SOURCES.glob("*/pairs.parquet"))]
    references = sorted({image for path in tables for image in pd.read_parquet(path, columns=["image"]).image})
    images = fingerprints(references, MODEL, block.dims, base.jobs)
    write_table(OUT / "images.parquet", images)
    evaluation, _ = load("evaluation")
    tests = []
    for name, evalset in load_protocol(evaluation.protocol).evalsets.items():
        # Training images of an evalset too: a linear probe learns from them, and they share slides with the others.
        paths = read_evalset(Path(evaluation.evalsets), name, evalset).path.tolist()
        table = fingerprints(paths, MODEL, block.dims, base.jobs)
        tests.append(table.assign(evalset=name))
    evalsets = pd.concat(tests, ignore_index=True)
    write_table(OUT / "evalsets.parquet", evalsets)
    metrics = {
        "images": len(images),
        "unreadable": int((images.error != "").sum()),
        "evalset_images": len(evalsets),
        "evalset_unreadable": int((evalsets.error != "").sum()),
        "blur": float(images.blur.mean()),
        "glass": float(images.glass.mean()),
        "impure": float((images.filter(like="flag_") >= 0.5).any(axis=1).mean()),
    }
    write_json(Path("reports/metrics/fingerprints.json"), metrics)
    return {"items": len(images) + len(evalsets), "images": len(images)}


if __name__ == "__main__":
    run_stage("fingerprints", make, __doc__)
