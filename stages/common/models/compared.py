"""The models that are compared with each other: the start model, the tuned one, and others."""

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from stages.common.data.references import ImageReader
from stages.common.errors import StageError
from stages.common.evalsets.protocol import BESIDE_MODELS
from stages.common.incremental.dependencies import Dependencies
from stages.common.models.clip import Clip, build, load, named
from stages.common.models.embed import embed_classes, embed_images, embed_texts
from stages.common.models.vectors import weights_digest
from stages.common.tables.embeddings import SETS


def compared_models(
    model: str, start: str, seed: int, tuned: Path, others: Sequence[str]
) -> dict[str, Callable[[], Clip]]:
    """Return what gives each model, by name: `start` is built from `model`, `start` and `seed`, `tuned` is a folder.
    Raises StageError where two are called the same, or one as something else."""
    models: dict[str, Callable[[], Clip]] = {
        "start": functools.partial(build, model, start, seed),
        "tuned": functools.partial(load, tuned),
    }
    for place in others:
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", place)
        if name in models:
            raise StageError(f"embeddings.others: '{place}' is named twice")
        if name in (*BESIDE_MODELS, SETS):
            raise StageError(f"embeddings.others: no model can be called '{name}'")
        models[name] = functools.partial(named, place)
    return models


def vectors_made_by(name: str, clip: Clip) -> str:
    """Digest of a model and of the code that makes vectors with it, for their keys."""
    return Dependencies(
        code=(embed_images, embed_texts, embed_classes, build, load, named, type(clip), ImageReader),
        models={name: weights_digest(clip)},
        libraries=("torch", "open_clip_torch"),
    ).digest()
