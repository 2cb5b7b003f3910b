"""The dataset as a repository of the Hugging Face Hub: parquet with the images in it, and a card."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stages.common.data.files import write_bytes
from stages.common.tables.dataset import DATASET_TABLE
from stages.export.inputs import ImageOfPairs, Shard, images, shards

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 100  # rows: what a viewer or a stream reads at once
SPLITS = {"train": "train", "val": "validation", "test": "test"}  # the Hub's name of each split
# Columns that say what happened inside the pipeline, or that are true of the image only as it was before.
LEFT_OUT = {"image", "width", "height", "split", "drop", "duplicate_of", "sha256", "blur", "background"}
COLUMNS = tuple(column for column in DATASET_TABLE.columns if column.name not in LEFT_OUT)
ENTITY = {"term": "string", "id": "string", "semantic_type": "string", "negated": "bool"}
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))


def write_repository(to: Path, pairs: pd.DataFrame, title: str, note: str, run: str = "") -> dict[str, int]:
    """Write data/SPLIT-NNNNN-of-NNNNN.parquet, a row for each pair, and README.md below `to`; return counts. The card
    says the lines `note` and `run`, where there are any."""
    import pyarrow.parquet as pq
    from tqdm import tqdm

    counts: Counter[str] = Counter()
    folder = to / "data"
    folder.mkdir(parents=True)
    for name, shard in tqdm(_files(pairs), desc="files", unit="file"):
        rows = [_row(image, pair) for image in images(shard, pairs) for pair in image.pairs]
        with pq.ParquetWriter(folder / name, schema()) as writer:
            for first in range(0, len(rows), ROW_GROUP):
                writer.write_table(_table(rows[first : first + ROW_GROUP]))
        counts[SPLITS[shard.split]] += len(rows)
    write_bytes(to / "README.md", _card(pairs, counts, title, note, run).encode())
    return {"items": counts.total(), "splits": len(counts)}


def _files(pairs: pd.DataFrame) -> list[tuple[str, Shard]]:
    """The name of the file that each shard becomes; a split without pairs has none."""
    found = []
    for split, name in SPLITS.items():
        own = [shard for shard in shards() if shard.split == split and (pairs.split == split).any()]
        found += [(f"{name}-{n:05d}-of-{len(own):05d}.parquet", shard) for n, shard in enumerate(own)]
    return found


def schema() -> "pa.Schema":
    """The Arrow schema, whose metadata tells `datasets` which column is an image."""
    import pyarrow as pa

    types = {column.name: pa.type_for_alias(column.type) for column in COLUMNS}
    types["box"] = pa.list_(pa.float64())
    types["entities"] = pa.list_(pa.struct([(name, pa.type_for_alias(kind)) for name, kind in ENTITY.items()]))
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    features |= {column.name: _value({"double": "float64"}.get(column.type, column.type)) for column in COLUMNS}
    features["box"] = [_value("float64")]
    features["entities"] = [{name: _value(kind) for name, kind in ENTITY.items()}]
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.schema(
        [("image", picture), *types.items()], {"huggingface": json.dumps({"info": {"features": features}})}
    )


def _value(kind: str) -> dict[str, str]:
    return {"dtype": kind, "_type": "Value"}


def _row(image: ImageOfPairs, pair: dict[str, Any]) -> dict[str, Any]:
    row = {column.name: pair[column.name] for column in COLUMNS}
    row["image"] = {"bytes": image.jpeg, "path": f"{image.key}.jpg"}
    row["box"] = json.loads(pair["box"] or "[]")
    row["entities"] = [{name: one.get(name) for name in ENTITY} for one in json.loads(pair["entities"] or "[]")]
    return row


def _table(rows: list[dict[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    columns = [pa.array([row[field.name] for row in rows], field.type, from_pandas=True) for field in schema()]
    return pa.Table.from_arrays(columns, schema=schema())


def _card(pairs: pd.DataFrame, counts: Counter[str], title: str, note: str, run: str) -> str:
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    template = environment.from_string(Path(__file__).with_name("huggingface.md.j2").read_text(encoding="utf-8"))
    licenses = Counter(" ".join(text.replace("|", "/").split())[:80] or "not stated" for text in pairs.license)
    return template.render(
        name=json.dumps(title, ensure_ascii=False),
        title=title,
        note=note,
        run=run,
        size=next((name for most, name in SIZES if counts.total() < most), "n>10M"),
        counts=counts,
        licenses=sorted(licenses.items(), key=lambda pair: (-pair[1], pair[0])),
        columns=COLUMNS,
    )
