"""A page of each set's surest errors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.data.files import write_bytes
from stages.common.data.pictures import data_uri, thumbnail
from stages.common.data.references import ImageReader
from stages.evaluation.zero_shot import Decided

SIDE = 160  # pixels


def write_errors(path: Path, sets: Mapping[str, Decided], model: str, count: int, title: str) -> None:
    """Write an HTML page with up to `count` images a set that `model` was most sure about and wrong."""
    import jinja2

    template = Path(__file__).with_name("errors.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    shown = {name: (_wrong(one, model), _worst(one, model, count)) for name, one in sets.items()}
    page = environment.from_string(template).render(title=title, model=model, sets=shown)
    write_bytes(path, page.encode())


def _wrong(one: Decided, model: str) -> str:
    wrong = int((one.found[model] != one.truth).sum())
    return f"{wrong} of {len(one.truth)} images are wrong"


def _worst(one: Decided, model: str, count: int) -> list[dict[str, Any]]:
    found, probability = one.found[model], one.probability[model]
    wrong = np.flatnonzero(found != one.truth)
    sure = probability[wrong, found[wrong]]
    chosen = wrong[np.lexsort((one.paths[wrong].astype(str), -sure))][:count]
    return [
        {
            "picture": data_uri(thumbnail(ImageReader().read(one.paths[n]), SIDE, SIDE)),
            "actual": one.classes[one.truth[n]],
            "predicted": one.classes[found[n]],
            "probability": float(probability[n, found[n]]),
            "path": one.paths[n],
        }
        for n in chosen
    ]
