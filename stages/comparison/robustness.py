"""How much a model's zero-shot score and its vectors change with pictures whose diagnosis does not."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stages.common.data.arrays import Ints, Vectors
from stages.common.data.references import ImageReader
from stages.common.evalsets.listing import measured_side
from stages.common.evalsets.protocol import Protocol, read_protocol
from stages.common.models.clip import Clip
from stages.common.models.compared import compared_models
from stages.common.models.device import pick_device
from stages.common.models.embed import embed_classes, embed_images, image_tower
from stages.common.paths import QUILTNET_DIR
from stages.common.stage.params import Base, load_params
from stages.common.stats import codes_of, difference
from stages.comparison.changes import CHANGES, changed
from stages.comparison.params import Params
from stages.comparison.scores import score
from stages.comparison.tables import write_table

UNCHANGED = "none"
COLUMNS = ["model", "set", "change", "metric", "score", "drop", "drop_low", "drop_high", "similarity", "images"]


def compare_robustness(params: Params, base: Base) -> dict[str, Any]:
    """Write reports/comparison/robustness.csv: every model on each set of `evaluation.protocol`, after each of
    CHANGES."""
    (evaluation, _), (quiltnet, _), (embeddings, _) = map(load_params, ("evaluation", "quiltnet", "embeddings"))
    protocol, tables = read_protocol(evaluation.protocol, evaluation.evalsets)
    sides = {
        name: measured_side(table, protocol.evalsets[name].split)
        for name, table in tables.items()
        if not protocol.evalsets[name].pairs
    }
    models = compared_models(quiltnet.model, quiltnet.start, base.seed, QUILTNET_DIR, embeddings.others)
    rows = []
    for model, build in models.items():
        clip, device = build(), pick_device(base.device)
        for name, table in sides.items():
            classes = embed_classes(clip, protocol.prompts_of(name), embeddings.batch_size, device)
            vectors = _vectors(clip, table.path.tolist(), protocol, embeddings.batch_size, device, base.jobs)
            truth = table.label.to_numpy(np.int64)
            group = codes_of(table.group)
            found = robustness(truth, vectors, classes, protocol.metric, evaluation.bootstrap, base.seed, group)
            rows += [{"model": model, "set": name, "metric": protocol.metric, **row} for row in found]
    write_table("robustness", rows, COLUMNS)
    return {"items": len(rows), "models": len(models), "sets": len(sides)}


def _vectors(
    clip: Clip, paths: list[str], protocol: Protocol, batch_size: int, device: str, jobs: int
) -> dict[str, Vectors]:
    """Unit vectors of the images as they are, and after each change."""
    read, tower = ImageReader().read, image_tower(clip, batch_size, device)
    readers = {UNCHANGED: read, **{name: changed(read, change) for name, change in CHANGES.items()}}
    squash = protocol.transform == "squash"
    return {
        name: embed_images(
            clip, paths, one, batch_size, device, jobs, squash=squash, tower=tower, title=f"images, {name}"
        )
        for name, one in readers.items()
    }


def robustness(
    truth: Ints,
    vectors: Mapping[str, Vectors],
    classes: Vectors,
    metric: str,
    rounds: int,
    seed: int,
    group: Ints | None = None,
) -> list[dict[str, Any]]:
    """Return a row for each change: the score, how far it is below that of the images as they are, with its paired
    interval, and the mean cosine similarity of each image's vector to that before the change."""
    before = vectors[UNCHANGED]
    scored = {
        name: score(truth, (own @ classes.T).argmax(1)[None], len(classes), metric, rounds, seed, group)
        for name, own in vectors.items()
    }
    return [
        {
            "change": name,
            "score": scored[name].value,
            **difference(scored[UNCHANGED], scored[name]).metrics("drop"),
            "similarity": float((before * own).sum(1).mean()),
            "images": len(truth),
        }
        for name, own in vectors.items()
    ]
