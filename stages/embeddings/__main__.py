"""Embed the evalsets and the test split with every model that is compared: data/embeddings out.

What was embedded before with the same weights, images and words is kept.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.embeddings.params import Params

OUT, DATASET, TUNED = Path("data/embeddings"), Path("data/dataset"), Path("models/quiltnet")


def make(block: Params, base: Base) -> dict[str, Any]:
    """Write the tables of the sets, and per model and set the vectors of images and of texts or classes."""
    from stages.common.code import code_digest
    from stages.common.device import pick_device
    from stages.common.evalsets import read_protocol
    from stages.common.files import write_table
    from stages.common.params import load as load_block
    from stages.embeddings.sets import HELD_OUT, held_out
    from stages.embeddings.store import files_digest, weights_digest

    evaluation, _ = load_block("evaluation")
    protocol, sets = read_protocol(evaluation.protocol, evaluation.evalsets)
    if len(table := held_out(DATASET)):
        sets[HELD_OUT] = table
    OUT.mkdir(parents=True, exist_ok=True)  # also where there is no set at all
    for name, table in sets.items():
        write_table(OUT / "sets" / f"{name}.parquet", table)
    contents = {name: files_digest(table.path.unique().tolist()) for name, table in sets.items()}
    written, done, reused = {OUT / "sets" / f"{name}.parquet" for name in sets}, 0, 0
    models = _models(block, base)
    for model, build in models.items():
        clip = build()
        how = [code_digest("stages.embeddings"), weights_digest(clip), pick_device(base.device), block.batch_size]
        for name, table in sets.items():
            paths = [OUT / model / f"{name}.{kind}.safetensors" for kind in ("images", "texts")]
            reused += _embed(clip, paths, name, table, protocol, [*how, contents[name]], block, base)
            written |= set(paths)
            done += table.path.nunique()
    for path in [path for path in OUT.rglob("*") if path.is_file() and path not in written]:
        path.unlink()
    return {"items": done, "models": len(models), "sets": len(sets), "kept": reused}


def _models(block: Params, base: Base) -> dict[str, Callable[[], Any]]:
    """By name: the start model, the tuned one, and the others that are asked for."""
    from stages.common.clip import build, load, named
    from stages.common.errors import StageError
    from stages.common.params import load as load_block

    quiltnet, _ = load_block("quiltnet")
    models: dict[str, Callable[[], Any]] = {
        "start": lambda: build(quiltnet.model, quiltnet.start, base.seed),
        "tuned": lambda: load(TUNED),
    }
    for place in block.others:
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", place)
        if name in models:
            raise StageError(f"embeddings.others: '{place}' is named twice")
        models[name] = lambda place=place: named(place)  # type: ignore[misc]
    return models


def _embed(
    clip: Any, paths: list[Path], name: str, table: Any, protocol: Any, how: list[Any], block: Params, base: Base
) -> int:
    """Write one set's vectors, and return how many of the two files were kept as they were.

    Images are in order of `table.path.unique()`; texts in that of the classes, or of the sorted unique texts.
    """
    from stages.common.device import pick_device
    from stages.common.embed import embed_classes, embed_images, embed_texts
    from stages.embeddings.sets import Reader
    from stages.embeddings.store import kept, key_of

    device, batch = pick_device(base.device), block.batch_size
    images, squash = table.path.unique().tolist(), protocol.transform == "squash"
    classes = list(protocol.evalsets[name].classes.values()) if name in protocol.evalsets else []
    templates = protocol.templates if classes else []
    texts = classes or sorted(table.text.unique())
    same_images = kept(
        paths[0],
        key_of(how, squash),
        lambda: embed_images(clip, images, Reader(), batch, device, base.jobs, squash=squash),
    )
    same_texts = kept(
        paths[1],
        key_of(how[:-1], texts, templates),
        lambda: (
            embed_classes(clip, texts, templates, batch, device) if classes else embed_texts(clip, texts, batch, device)
        ),
    )
    return same_images + same_texts


if __name__ == "__main__":
    run_stage("embeddings", make, __doc__)
