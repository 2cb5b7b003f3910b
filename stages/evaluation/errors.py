"""A model's most confident errors, set by set, as a page and as a record for the report."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stages.common.data.files import write_bytes
from stages.common.data.pictures import data_uri, thumbnail
from stages.common.data.references import ImageReader
from stages.common.tables.evaluation import SURE_ERRORS, ModelAnswer, SetErrors, SureError
from stages.evaluation.zero_shot import Predictions

THUMBNAIL = (160, 160)  # pixels, at most


def write_errors(path: Path, sets: Mapping[str, Predictions], model: str, count: int, title: str) -> None:
    """Write an HTML page with up to `count` images per set that `model` was most sure about and wrong, and what the
    other models say of them; and the same as SURE_ERRORS beside it."""
    import jinja2

    template = Path(__file__).with_name("errors.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    found = {name: _errors(predictions, model, count) for name, predictions in sets.items()}
    SURE_ERRORS.write(path.with_suffix(".json"), found)
    page = environment.from_string(template).render(title=title, model=model, sets=found)
    write_bytes(path, page.encode())


def _errors(predictions: Predictions, model: str, count: int) -> SetErrors:
    predicted, probability = predictions.predicted[model], predictions.probability[model]
    wrong = np.flatnonzero(predicted != predictions.truth)
    sure = probability[wrong, predicted[wrong]]
    chosen = wrong[np.lexsort((predictions.paths[wrong].astype(str), -sure))][:count]
    models = sorted(predictions.predicted, key=lambda name: name != model)
    surest: list[SureError] = [
        {
            "path": predictions.paths[n],
            "picture": data_uri(thumbnail(ImageReader().read(predictions.paths[n]), THUMBNAIL), "jpeg"),
            "actual": predictions.classes[predictions.truth[n]],
            "right": float(probability[n, predictions.truth[n]]),
            "answers": [_answer(predictions, name, n) for name in models],
        }
        for n in chosen
    ]
    return {"images": len(predictions.truth), "wrong": len(wrong), "surest": surest}


def _answer(predictions: Predictions, model: str, n: int) -> ModelAnswer:
    found = predictions.predicted[model][n]
    probability = float(predictions.probability[model][n, found])
    return {"model": model, "predicted": predictions.classes[found], "probability": probability}
