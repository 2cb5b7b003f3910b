"""What is embedded: evalsets, and the dataset's own held-out pairs."""

from pathlib import Path

import pandas as pd

from stages.common.data.tars import shard_samples
from stages.common.tables.dataset import SAMPLE
from stages.common.tables.embeddings import EVALSET

REMEDY = "run `dvc repro dataset`"


def held_out(dataset: Path) -> pd.DataFrame:
    """The test split's pairs, as rows of EVALSET: every text of every image."""
    rows = []
    for shard in sorted(dataset.glob("test-*.tar")):
        for key, members in shard_samples(shard, {"json"}, REMEDY):
            if "json" in members:
                texts = SAMPLE.read_bytes(members["json"].data, f"{shard}#{key}.json")["texts"]
                rows += [(f"{shard.as_posix()}#{key}.jpg", -1, "test", "", text, "") for text in texts]
    return pd.DataFrame(rows, columns=EVALSET.names).drop_duplicates().sort_values(["path", "text"], ignore_index=True)
