"""What is embedded: evalsets, and the dataset's own held-out pairs."""

import json
import tarfile
from pathlib import Path

import pandas as pd

from stages.common.data.files import ImageReader
from stages.common.evalsets.loaders import read_image
from stages.common.tables.embeddings import EVALSET


def held_out(dataset: Path) -> pd.DataFrame:
    """The test split's pairs, as rows of EVALSET: every text of every image."""
    rows = []
    for shard in sorted(dataset.glob("test-*.tar")):
        with tarfile.open(shard) as tar:
            for info in tar:
                record = tar.extractfile(info) if info.name.endswith(".json") else None
                if record is not None:
                    path = f"{shard.as_posix()}#{info.name.removesuffix('.json')}.jpg"
                    rows += [(path, -1, "test", "", text) for text in json.loads(record.read())["texts"]]
    return pd.DataFrame(rows, columns=EVALSET.names).drop_duplicates().sort_values(["path", "text"], ignore_index=True)


class Reader:
    """Reads an image of any set."""

    def __init__(self) -> None:
        self._shards = ImageReader()

    def __call__(self, reference: str) -> bytes:
        return self._shards.read(reference) if ".tar#" in reference else read_image(reference)
