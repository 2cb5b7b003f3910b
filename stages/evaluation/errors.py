"""A page of a model's most confident errors, set by set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.data.files import write_bytes
from stages.common.data.pictures import data_uri, thumbnail
from stages.common.data.references import ImageReader
from stages.evaluation.zero_shot import Predictions

THUMBNAIL = (160, 160)  # pixels, at most


def write_errors(path: Path, sets: Mapping[str, Predictions], model: str, count: int, title: str) -> None:
    """Write an HTML page with up to `count` images per set that `model` was most sure about and wrong, and what the
    other models say of them."""
    import jinja2

    template = Path(__file__).with_name("errors.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    shown = {
        name: (_count(predictions, model), _surest_errors(predictions, model, count))
        for name, predictions in sets.items()
    }
    page = environment.from_string(template).render(title=title, model=model, sets=shown)
    write_bytes(path, page.encode())


def _count(predictions: Predictions, model: str) -> str:
    wrong = int((predictions.predicted[model] != predictions.truth).sum())
    return f"{wrong} of {len(predictions.truth)} images are wrong"


def _surest_errors(predictions: Predictions, model: str, count: int) -> list[dict[str, Any]]:
    predicted, probability = predictions.predicted[model], predictions.probability[model]
    wrong = np.flatnonzero(predicted != predictions.truth)
    sure = probability[wrong, predicted[wrong]]
    chosen = wrong[np.lexsort((predictions.paths[wrong].astype(str), -sure))][:count]
    return [
        {
            "picture": data_uri(thumbnail(ImageReader().read(predictions.paths[n]), THUMBNAIL), "jpeg"),
            "actual": predictions.classes[predictions.truth[n]],
            "path": predictions.paths[n],
            "right": float(probability[n, predictions.truth[n]]),
            "answers": [
                (name, predictions.classes[found[n]], float(predictions.probability[name][n, found[n]]))
                for name, found in sorted(predictions.predicted.items(), key=lambda one: one[0] != model)
            ],
        }
        for n in chosen
    ]
