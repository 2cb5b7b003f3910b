"""The one page that shows a whole run. All text from outside is escaped."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import write_bytes, write_json
from stages.common.data.pictures import data_uri, thumbnail
from stages.common.data.references import read_images
from stages.common.tables.dataset import DATASET_TABLE
from stages.report.params import Params
from stages.report.summary import headline, summarise

SHOWN = ("pair_id", "source", "image", "text", "kind", "box", "sub_pathology", "split")  # columns of the gallery
THUMBNAIL = (320, 240)  # pixels, at most
TEMPLATE = Path(__file__).parent / "page.html.j2"


def build(
    params: Params, note: str, metrics: dict[str, Any], pairs: Path, plots: list[Path], out: Path, seed: int
) -> dict[str, Any]:
    """Write the page to `out` and its headline to summary.txt and summary.json beside it; return counts. `metrics`
    holds those of every stage by its name."""
    import jinja2

    numbers = headline(metrics)
    gallery = _gallery(DATASET_TABLE.read(pairs, SHOWN), params.gallery, seed)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=params.title,
        note=note,
        gallery=gallery,
        headline=numbers,
        plots=[(path.stem, data_uri(path.read_bytes(), "png")) for path in plots],
        tables=[(name, _flat(values)) for name, values in metrics.items()],
    )
    write_bytes(out, page.encode())
    lines = [
        params.title,
        *filter(None, [note]),
        "",
        *(f"{label:36}{value:>8}" for label, value in numbers),
    ]
    write_bytes(out.with_name("summary.txt"), ("\n".join(lines) + "\n").encode())
    write_json(out.with_name("summary.json"), summarise(metrics))
    return {"items": len(gallery), "plots": len(plots), "metrics": len(metrics)}


def _flat(values: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested metrics as rows of dotted key and text."""
    if isinstance(values, dict):
        return [row for key, item in values.items() for row in _flat(item, f"{prefix}.{key}" if prefix else str(key))]
    return [(prefix, f"{values:.4g}" if isinstance(values, float) else json.dumps(values))]


def _gallery(pairs: pd.DataFrame, count: int, seed: int) -> list[dict[str, Any]]:
    """A seeded sample of kept pairs, each with a thumbnail on which its box is drawn."""
    kept = pairs[pairs.split != ""]
    chosen = kept.sample(min(count, len(kept)), random_state=seed).sort_values("pair_id")
    images = read_images(chosen.image)
    return [
        {
            "picture": data_uri(thumbnail(images[row.image], THUMBNAIL, json.loads(row.box)), "jpeg"),
            "text": row.text,
            "source": row.source,
            "pair_id": row.pair_id,
            "field": row.sub_pathology,
            "kind": row.kind,
            "split": row.split,
        }
        for row in chosen.itertuples()
    ]
