"""Croissant metadata, so that dataset search and loaders know what pairs.parquet holds."""

from pathlib import Path
from typing import Any

from stages.common.data.files import sha256, write_json
from stages.common.stage.version import version
from stages.common.tables.dataset import DATASET_TABLE

TYPES = {"string": "TEXT", "double": "FLOAT", "float": "FLOAT", "int64": "INTEGER", "bool": "BOOL"}


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
