"""What is embedded: evalsets, and the dataset's own held-out pairs."""

from pathlib import Path

import pandas as pd

from stages.common.data.tars import shard_samples
from stages.common.tables.dataset import DATASET_TABLE, SAMPLE
from stages.common.tables.embeddings import EVALSET

REMEDY = "run `dvc repro dataset`"


def held_out(dataset: Path) -> pd.DataFrame:
    """The test split's pairs, as rows of EVALSET: every text of every image. Groups are those of the dataset's table:
    videos, articles or threads. The institution is the source: who published the image."""
    table, rows = dataset / DATASET_TABLE.path.name, []
    pairs = DATASET_TABLE.read(table, columns=["pair_id", "group"]) if table.exists() else pd.DataFrame()
    group_of = pairs.set_index("pair_id").group.to_dict() if len(pairs) else {}
    for shard in sorted(dataset.glob("test-*.tar")):
        for key, members in shard_samples(shard, {"json"}, REMEDY):
            if "json" in members:
                record = SAMPLE.read_bytes(members["json"].data, f"{shard}#{key}.json")
                group = group_of.get(next(iter(record["pair_ids"]), ""), "")
                image, source = f"{shard.as_posix()}#{key}.jpg", record["source"]
                rows += [(image, -1, "test", source, text, group) for text in record["texts"]]
    return pd.DataFrame(rows, columns=EVALSET.names).drop_duplicates().sort_values(["path", "text"], ignore_index=True)
