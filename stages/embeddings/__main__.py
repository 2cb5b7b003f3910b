"""Embed the evalsets and the test split with every model that is compared: data/embeddings out.

What was embedded before with the same weights, images and words is kept.
"""

import functools
import re
from collections.abc import Callable
from typing import Any

from stages.common.paths import DATASET_DIR, EMBEDDINGS_DIR, KEYS_DIR, QUILTNET_DIR
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.embeddings.params import Params


def run(params: Params, base: Base) -> dict[str, Any]:
    """Write the tables of the sets, and per model and set the vectors of images and of texts or classes."""
    from stages.common.data.references import ImageReader
    from stages.common.evalsets.protocol import HELD_OUT, read_protocol
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.models.clip import build as start_model
    from stages.common.models.clip import load, named
    from stages.common.models.device import pick_device
    from stages.common.models.embed import embed_classes, embed_images, embed_texts, image_tower
    from stages.common.stage.params import load_params
    from stages.common.tables.embeddings import EVALSET, SETS
    from stages.embeddings.cache import VectorCache, files_digest, weights_digest
    from stages.embeddings.sets import held_out

    evaluation, _ = load_params("evaluation")
    protocol, sets = read_protocol(evaluation.protocol, evaluation.evalsets)
    if len(table := held_out(DATASET_DIR)):
        sets[HELD_OUT] = table
    EMBEDDINGS_DIR.mkdir(parents=True, exist_ok=True)  # also where there is no set at all
    for name, table in sets.items():
        EVALSET.write(EVALSET.at(name=name), table)
    contents = {name: files_digest(table.path.unique().tolist()) for name, table in sets.items()}
    for path in set((EMBEDDINGS_DIR / SETS).glob("*")) - {EMBEDDINGS_DIR / SETS / f"{name}.parquet" for name in sets}:
        path.unlink()
    done, reused = 0, 0
    models = _models(params, base)
    cache = VectorCache(EMBEDDINGS_DIR, KEYS_DIR / "embeddings.json", force=forced())
    for model, build in models.items():
        clip = build()
        made_by = Dependencies(
            code=(embed_images, embed_texts, embed_classes, start_model, load, named, type(clip), ImageReader),
            models={model: weights_digest(clip)},
            libraries=("torch", "open_clip_torch"),
        ).digest()
        tower = functools.cache(lambda clip=clip: image_tower(clip, params.batch_size, pick_device(base.device)))
        for name, table in sets.items():
            how = [made_by, contents[name]]
            reused += _embed(clip, tower, cache, f"{model}/{name}", table, protocol, how, params, base)
            done += table.path.nunique()
    cache.close()
    return {"items": done, "models": len(models), "sets": len(sets), "kept": reused}


def _models(params: Params, base: Base) -> dict[str, Callable[[], Any]]:
    """Loaders by name: of the start model, the tuned one, and those of `embeddings.others`."""
    from stages.common.errors import StageError
    from stages.common.evalsets.protocol import BESIDE_MODELS
    from stages.common.models.clip import build, load, named
    from stages.common.stage.params import load_params
    from stages.common.tables.embeddings import SETS

    quiltnet, _ = load_params("quiltnet")
    models: dict[str, Callable[[], Any]] = {
        "start": lambda: build(quiltnet.model, quiltnet.start, base.seed),
        "tuned": lambda: load(QUILTNET_DIR),
    }
    for place in params.others:
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", place)
        if name in models:
            raise StageError(f"embeddings.others: '{place}' is named twice")
        if name in (*BESIDE_MODELS, SETS):
            raise StageError(f"embeddings.others: no model can be called '{name}'")
        models[name] = lambda place=place: named(place)  # type: ignore[misc]
    return models


def _embed(
    clip: Any,
    tower: Callable[[], Any],
    cache: Any,
    name: str,
    table: Any,
    protocol: Any,
    how: list[str],
    params: Params,
    base: Base,
) -> int:
    """Keep the vectors of the set `name` (MODEL/SET), and return how many of its two files stay as they were.

    `tower` makes the image tower of `clip`, once for all sets. Images are in order of `table.path.unique()`; texts in
    that of the classes, or of the sorted unique texts.
    """
    from stages.common.data.references import ImageReader
    from stages.common.models.device import pick_device
    from stages.common.models.embed import embed_classes, embed_images, embed_texts
    from stages.embeddings.cache import key_of

    device, batch = pick_device(base.device), params.batch_size
    images, squash = table.path.unique().tolist(), protocol.transform == "squash"
    evalset = protocol.evalsets.get(name.rpartition("/")[2])
    classes = list(evalset.classes.values()) if evalset else []
    templates = protocol.templates if classes else []
    texts = classes or sorted(table.text.unique())
    same_images = cache.keep(
        f"{name}.images.safetensors",
        key_of(how, squash),
        lambda: embed_images(clip, images, ImageReader().read, batch, device, base.jobs, squash=squash, tower=tower()),
    )
    same_texts = cache.keep(
        f"{name}.texts.safetensors",
        key_of(how[:-1], texts, templates, _tokens(clip, texts, templates)),
        lambda: (
            embed_classes(clip, texts, templates, batch, device) if classes else embed_texts(clip, texts, batch, device)
        ),
    )
    return int(same_images) + int(same_texts)


def _tokens(clip: Any, texts: list[str], templates: list[str]) -> list[list[int]]:
    """The tokens of the texts, for the key: a model may have the same weights with another tokenizer."""
    prompts = [template.format(c=text) for text in texts for template in templates] if templates else texts
    return [[int(token) for token in row] for row in clip.tokenizer(prompts)] if prompts else []


if __name__ == "__main__":
    run_stage("embeddings", run, __doc__)
