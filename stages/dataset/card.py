"""The dataset's card (README.md) and its Croissant metadata."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import sha256, write_bytes, write_json
from stages.common.stage.version import version
from stages.common.tables.dataset import DATASET_TABLE

MOST = 20  # rows of a table
TYPES = {"string": "TEXT", "double": "FLOAT", "float": "FLOAT", "int64": "INTEGER", "bool": "BOOL"}


def write_card(folder: Path, table: pd.DataFrame, metrics: dict[str, Any], title: str, note: str) -> None:
    """Write `folder`/README.md from the rows of pairs.parquet and the metrics of the stage."""
    import jinja2

    kept = table[table.split != ""]
    words = kept.text.str.count(r"\S+")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    page = environment.from_string(Path(__file__).with_name("card.md.j2").read_text(encoding="utf-8")).render(
        title=title,
        note=note,
        version=version(),
        metrics=metrics,
        columns=DATASET_TABLE.columns,
        tables={
            "Source": _most_frequent(kept.source),
            "License": _most_frequent(kept.license.replace("", "not stated")),
            "Sub-pathology": _most_frequent(kept.sub_pathology.replace("", "not stated")),
            "Magnification class": _most_frequent(
                kept.magnification.map(lambda level: f"{level:g}").replace("nan", "unknown")
            ),
            "Dropped because": _most_frequent(table["drop"][table["drop"] != ""]),
        },
        lengths={name: int(words.quantile(q)) if len(kept) else 0 for name, q in (("median", 0.5), ("95 %", 0.95))},
        entities=_entities(kept.entities),
    )
    write_bytes(folder / "README.md", page.encode())


def _most_frequent(values: pd.Series) -> list[tuple[str, int]]:
    """The most frequent values, ties by name; licenses and the like come from outside and may not break a table."""
    counted = Counter(" ".join(str(value).replace("|", "/").split())[:80] for value in values)
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]


def _entities(column: pd.Series) -> dict[str, int]:
    ids = [entity["id"] for text in column for entity in json.loads(text or "[]")]
    return {"mentions": len(ids), "concepts": len(set(ids))}


def write_croissant(folder: Path, name: str) -> None:
    """Write `folder`/croissant.json for `folder`/pairs.parquet; mlcroissant validates it in the tests."""
    import mlcroissant as mlc

    source = mlc.FileObject(
        id="pairs.parquet",
        name="pairs.parquet",
        content_url="pairs.parquet",
        encoding_formats=["application/x-parquet"],
        sha256=sha256(folder / "pairs.parquet"),
    )
    fields = [
        mlc.Field(
            id=f"pairs/{column.name}",
            name=column.name,
            description=f"{column.meaning}, {column.unit}" if column.unit else column.meaning,
            data_types=getattr(mlc.DataType, TYPES[column.type]),
            source=mlc.Source(file_object="pairs.parquet", extract=mlc.Extract(column=column.name)),
        )
        for column in DATASET_TABLE.columns
    ]
    metadata = mlc.Metadata(
        name=name,
        description="Histopathology image-text pairs, every candidate with its split or drop reason.",
        license="https://creativecommons.org/licenses/by/4.0/",
        url="https://arxiv.org/abs/2306.11207",
        version=version(),
        distribution=[source],
        record_sets=[mlc.RecordSet(id="pairs", name="pairs", fields=fields)],
    )
    record: dict[str, Any] = metadata.to_json()
    record.pop("dateCreated", None)
    write_json(folder / "croissant.json", record)
