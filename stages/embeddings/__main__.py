"""Embed the evalsets and the test split with every model that is compared: data/embeddings out.

What was embedded before with the same weights, images and words is kept.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.embeddings.params import Params

OUT, DATASET, TUNED = Path("data/embeddings"), Path("data/dataset"), Path("models/quiltnet")
SETS = "sets"  # folder beside those of the models


def run(params: Params, base: Base) -> dict[str, Any]:
    """Write the tables of the sets, and per model and set the vectors of images and of texts or classes."""
    from stages.common.data.files import write_table
    from stages.common.evalsets.protocol import HELD_OUT, read_protocol
    from stages.common.incremental.dependencies import Dependencies
    from stages.common.incremental.forced import forced
    from stages.common.incremental.manifest import KEYS
    from stages.common.models.clip import build as start_model
    from stages.common.models.clip import load, named
    from stages.common.models.embed import embed_classes, embed_images, embed_texts
    from stages.common.stage.params import load_params
    from stages.embeddings.cache import VectorCache, files_digest, weights_digest
    from stages.embeddings.sets import Reader, held_out

    evaluation, _ = load_params("evaluation")
    protocol, sets = read_protocol(evaluation.protocol, evaluation.evalsets)
    if len(table := held_out(DATASET)):
        sets[HELD_OUT] = table
    OUT.mkdir(parents=True, exist_ok=True)  # also where there is no set at all
    for name, table in sets.items():
        write_table(OUT / SETS / f"{name}.parquet", table)
    contents = {name: files_digest(table.path.unique().tolist()) for name, table in sets.items()}
    for path in set((OUT / SETS).glob("*")) - {OUT / SETS / f"{name}.parquet" for name in sets}:
        path.unlink()
    done, reused = 0, 0
    models = _models(params, base)
    cache = VectorCache(OUT, KEYS / "embeddings.json", force=forced())
    for model, build in models.items():
        clip = build()
        made_by = Dependencies(
            code=(embed_images, embed_texts, embed_classes, start_model, load, named, type(clip), Reader),
            models={model: weights_digest(clip)},
            libraries=("torch", "open_clip_torch"),
        ).digest()
        for name, table in sets.items():
            reused += _embed(clip, cache, f"{model}/{name}", table, protocol, [made_by, contents[name]], params, base)
            done += table.path.nunique()
    cache.close()
    return {"items": done, "models": len(models), "sets": len(sets), "kept": reused}


def _models(params: Params, base: Base) -> dict[str, Callable[[], Any]]:
    """Loaders by name: of the start model, the tuned one, and those of `embeddings.others`."""
    from stages.common.errors import StageError
    from stages.common.evalsets.protocol import BESIDE_MODELS
    from stages.common.models.clip import build, load, named
    from stages.common.stage.params import load_params

    quiltnet, _ = load_params("quiltnet")
    models: dict[str, Callable[[], Any]] = {
        "start": lambda: build(quiltnet.model, quiltnet.start, base.seed),
        "tuned": lambda: load(TUNED),
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
    clip: Any, cache: Any, name: str, table: Any, protocol: Any, how: list[str], params: Params, base: Base
) -> int:
    """Keep the vectors of the set `name` (MODEL/SET), and return how many of its two files stay as they were.

    Images are in order of `table.path.unique()`; texts in that of the classes, or of the sorted unique texts.
    """
    from stages.common.models.device import pick_device
    from stages.common.models.embed import embed_classes, embed_images, embed_texts
    from stages.embeddings.cache import key_of
    from stages.embeddings.sets import Reader

    device, batch = pick_device(base.device), params.batch_size
    images, squash = table.path.unique().tolist(), protocol.transform == "squash"
    evalset = protocol.evalsets.get(name.rpartition("/")[2])
    classes = list(evalset.classes.values()) if evalset else []
    templates = protocol.templates if classes else []
    texts = classes or sorted(table.text.unique())
    same_images = cache.keep(
        f"{name}.images.safetensors",
        key_of(how, squash),
        lambda: embed_images(clip, images, Reader(), batch, device, base.jobs, squash=squash),
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
