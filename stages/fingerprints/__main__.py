"""Compute hashes, embedding and quality of every image, and CLIP similarity of pairs: data/fingerprints out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.common.paths import FINGERPRINTS_STATE_DIR, FRAME_FILTER_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.fingerprints.params import Params

if TYPE_CHECKING:
    import pandas as pd


def run(params: Params, base: Base) -> dict[str, Any]:
    """Write images.parquet (all candidates), evalsets.parquet (all images of evalsets, which are not to be trained on)
    and similarity.parquet (all pairs)."""
    import pandas as pd

    from stages.common.data.files import write_json
    from stages.common.errors import StageError
    from stages.common.evalsets.protocol import read_protocol
    from stages.common.models.device import pick_device
    from stages.common.stage.params import load_params
    from stages.common.tables.fingerprints import EVALSET_IMAGES, IMAGES, SIMILARITIES
    from stages.common.tables.keyframes import FLAG
    from stages.common.tables.pairs import PAIR_TABLE
    from stages.common.tables.sources import MORE_PAIRS, SOURCE_PAIRS
    from stages.fingerprints.similarity import similarities
    from stages.fingerprints.work import fingerprints

    device = pick_device(base.device)
    places = {table.at(name="*").as_posix(): table for table in (PAIR_TABLE, SOURCE_PAIRS, MORE_PAIRS)}
    found = [(table, path) for place, table in places.items() for path in sorted(Path().glob(place))]
    if not found:
        raise StageError(f"no pairs: none of {', '.join(places)} is there: run `dvc repro fingerprints`")
    pairs = pd.concat(table.read(path, ["pair_id", "image", "text"]) for table, path in found)
    how = FRAME_FILTER_DIR, params.dims, base, device
    references = sorted(pairs.image.unique())
    rows = fingerprints(references, *how, FINGERPRINTS_STATE_DIR / "images")
    IMAGES.write_parts(IMAGES.at(), rows.of(references))
    evaluation, _ = load_params("evaluation")
    # Training images of an evalset too: a linear probe learns from them, and they share slides with the others.
    paths = {
        name: rows.path.unique() for name, rows in read_protocol(evaluation.protocol, evaluation.evalsets)[1].items()
    }
    every = sorted({path for own in paths.values() for path in own})
    tests = fingerprints(every, *how, FINGERPRINTS_STATE_DIR / "evalsets", flags=False)
    parts = (part.assign(evalset=name) for name, own in paths.items() for part in tests.of(own))
    EVALSET_IMAGES.write_parts(EVALSET_IMAGES.at(), parts)
    errors = EVALSET_IMAGES.read(EVALSET_IMAGES.at(), ["image", "error"]).set_index("image").error
    check_readable(errors)
    fit = similarities(pairs, params.clip, device, base.jobs)
    SIMILARITIES.write(SIMILARITIES.at(), fit)
    flags = [name for name in rows.columns if name.startswith(FLAG.name)]
    images = IMAGES.read(IMAGES.at(), ["blur", "background", "error", *flags])
    metrics = {
        "images": len(images),
        "unreadable": int((images.error != "").sum()),
        "evalset_images": len(errors),
        "evalset_unreadable": int((errors != "").sum()),
        "blur": float(images.blur.mean()),
        "background": float(images.background.mean()),
        "similarity": float(fit.similarity.mean()) if fit.similarity.notna().any() else None,
        "impure": float((images[flags] >= 0.5).any(axis=1).mean()),
    }
    write_json(metrics_file("fingerprints"), metrics)
    return {"items": len(images) + len(errors), "images": len(images)}


def check_readable(errors: "pd.Series[str]") -> None:
    """Raise StageError where an image of a test set took a worker along. Later stages read these images in their own
    process, which would end without a word. `errors` are by image."""
    from stages.common.errors import StageError
    from stages.common.incremental.process import LOST_REASONS

    if len(deadly := errors[errors.isin(LOST_REASONS)]):
        raise StageError(f"{deadly.index[0]}: {deadly.iloc[0]} when it was read: take it out of the test set")


if __name__ == "__main__":
    run_stage("fingerprints", run, __doc__)
