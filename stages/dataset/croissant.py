"""Croissant metadata, so that dataset search and loaders know what pairs.parquet holds."""

from pathlib import Path
from typing import Any

from stages.common.data.files import sha256, write_json
from stages.common.stage.version import version

COLUMNS = ("pair_id", "source", "split", "text", "kind", "sub_pathology", "provenance", "license", "drop", "image")


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
            id=f"pairs/{column}",
            name=column,
            data_types=mlc.DataType.TEXT,
            source=mlc.Source(file_object="pairs.parquet", extract=mlc.Extract(column=column)),
        )
        for column in COLUMNS
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
