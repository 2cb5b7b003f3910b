"""Embed the evalsets and the test split with every model that is compared: data/embeddings out.

What was embedded before with the same weights, images and words is kept.
"""

from typing import Any

from stages.common.paths import DATASET_DIR, EMBEDDINGS_DIR, KEYS_DIR, QUILTNET_DIR
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.embeddings.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Write the tables of the sets, and per model and set the vectors of images and of texts or classes."""
    from stages.common.evalsets.protocol import HELD_OUT, load_protocol, read_sets
    from stages.common.incremental.forced import forced
    from stages.common.models.compared import compared_models, vectors_made_by
    from stages.common.models.device import pick_device
    from stages.common.models.embed import UnreadableImageError
    from stages.common.models.vectors import VectorCache, files_digest
    from stages.common.stage.params import load_params
    from stages.common.tables.embeddings import EVALSET, FAILED_SETS, SETS
    from stages.embeddings.embedder import Embedder
    from stages.embeddings.sets import held_out

    evaluation, _ = load_params("evaluation")
    protocol = load_protocol(evaluation.protocol)
    sets, failed = read_sets(protocol, evaluation.protocol, evaluation.evalsets)
    if len(table := held_out(DATASET_DIR)):
        sets[HELD_OUT] = table
    EMBEDDINGS_DIR.mkdir(parents=True, exist_ok=True)  # also where there is no set at all
    for name, table in sets.items():
        EVALSET.write(EVALSET.at(name=name), table)
    contents = {name: files_digest(table.path.unique().tolist()) for name, table in sets.items()}
    for path in set((EMBEDDINGS_DIR / SETS).glob("*")) - {EMBEDDINGS_DIR / SETS / f"{name}.parquet" for name in sets}:
        path.unlink()
    done, reused = 0, 0
    quiltnet, _ = load_params("quiltnet")
    models = compared_models(quiltnet.model, quiltnet.start, base.seed, QUILTNET_DIR, params.others)
    device = pick_device(base.device)
    cache = VectorCache(EMBEDDINGS_DIR, KEYS_DIR / "embeddings.json", force=forced())
    for model, build in models.items():
        clip = build()
        made_by = vectors_made_by(model, clip)
        embedder = Embedder(model, clip, made_by, cache, protocol, params.batch_size, device, base.jobs)
        for name in [name for name in sets if name not in failed]:
            try:
                reused += embedder.embed(name, sets[name], contents[name])
                done += sets[name].path.nunique()
            except UnreadableImageError as error:
                if protocol.missing == "fail" or name == HELD_OUT:
                    raise
                failed[name] = str(error)
                EVALSET.at(name=name).unlink()
    cache.close()
    FAILED_SETS.path.unlink(missing_ok=True)
    if failed:
        FAILED_SETS.write(FAILED_SETS.path, FAILED_SETS.frame(sorted(failed.items())))
    counts = {"items": done, "models": len(models), "sets": len(sets.keys() - failed), "kept": reused}
    return counts | ({"failed": ", ".join(sorted(failed))} if failed else {})


if __name__ == "__main__":
    run_stage("embeddings", run, __doc__)
