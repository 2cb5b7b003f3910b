"""Zero-shot classification of whole slides: tiles are compared with the prompts, and the best of each class pooled
(MI-Zero, Lu et al. 2023)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.data.arrays import Ints, Vectors
from stages.common.errors import StageError
from stages.common.evalsets.listing import measured_side, set_folder
from stages.common.evalsets.protocol import load_protocol, read_evalset
from stages.common.models.compared import compared_models
from stages.common.models.device import pick_device
from stages.common.models.embed import embed_classes, embed_images, image_tower
from stages.common.paths import QUILTNET_DIR
from stages.common.stage.params import Base, load_params
from stages.common.stats import codes_of
from stages.comparison.params import Params
from stages.comparison.scores import score
from stages.comparison.tables import write_table
from stages.comparison.tiles import read_tile, tiles_of

COLUMNS = ["model", "set", "k", "metric", "score", "score_low", "score_high", "slides", "tiles"]


def compare_slides(params: Params, base: Base) -> dict[str, Any]:
    """Write reports/comparison/slides.csv: every model on each set of the protocol `comparison.slides`, whose images
    are slides."""
    if not params.slides:
        raise StageError("comparison.slides: name a protocol whose images are slides (see docs/evaluation.md)")
    (evaluation, _), (quiltnet, _), (embeddings, _) = map(load_params, ("evaluation", "quiltnet", "embeddings"))
    protocol, device = load_protocol(params.slides), pick_device(base.device)
    sides = {
        name: measured_side(read_evalset(Path(evaluation.evalsets), name, evalset), evalset.split)
        for name, evalset in protocol.evalsets.items()
        if set_folder(Path(evaluation.evalsets), evalset.root).is_dir() and not evalset.pairs
    }
    cut = {name: [tiles_of(path, params.tile, params.tile_mpp) for path in side.path] for name, side in sides.items()}
    models = compared_models(quiltnet.model, quiltnet.start, base.seed, QUILTNET_DIR, embeddings.others)
    rows = []
    for model, build in models.items():
        clip = build()
        tower = image_tower(clip, embeddings.batch_size, device)
        for name, side in sides.items():
            classes = embed_classes(clip, protocol.prompts_of(name), embeddings.batch_size, device)
            tiles = [tile for slide in cut[name] for tile in slide]
            vectors = embed_images(
                clip, tiles, read_tile, embeddings.batch_size, device, base.jobs, tower=tower, title="tiles"
            )
            parts = np.split(vectors, np.cumsum([len(slide) for slide in cut[name]])[:-1])
            truth = side.label.to_numpy(np.int64)
            group, rounds = codes_of(side.group), evaluation.bootstrap
            found = scores_of(truth, parts, classes, params.top_k, protocol.metric, rounds, base.seed, group)
            rows += [{"model": model, "set": name, "metric": protocol.metric, **row} for row in found]
    write_table("slides", rows, COLUMNS)
    slides = sum(map(len, sides.values()))
    return {"items": slides, "models": len(models), "tiles": sum(len(one) for own in cut.values() for one in own)}


def scores_of(
    truth: Ints,
    slides: Sequence[Vectors],
    classes: Vectors,
    top_k: Sequence[int],
    metric: str,
    rounds: int,
    seed: int,
    group: Ints | None = None,
) -> list[dict[str, Any]]:
    """Return a row for each k: the score with its interval over resampled slides, or groups of them. `slides` are
    vectors of tiles."""
    rows: list[dict[str, Any]] = []
    for k in top_k:
        predicted = np.array([pooled(tiles @ classes.T, k).argmax() for tiles in slides])
        found = score(truth, predicted[None], len(classes), metric, rounds, seed, group)
        counts = {"slides": len(slides), "tiles": sum(map(len, slides))}
        rows.append({"k": k, **found.metrics("score"), **counts})
    return rows


def pooled(similarity: Vectors, k: int) -> Vectors:
    """(classes,) mean of the `k` largest similarities of tiles (n, classes) to each class; of all where there are
    fewer."""
    found: Vectors = np.sort(similarity, axis=0)[-k:].mean(0)
    return found
