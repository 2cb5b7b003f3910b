"""Shards turned into batches of pixels and tokens."""

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from stages.common.errors import StageError

SHUFFLE = 2000  # samples held back for shuffling


class Samples:
    """One pass over a split's shards: (pixels, tokens) per image, one of its texts drawn anew each epoch."""

    def __init__(self, folder: Path, split: str, transform: Any, tokenizer: Any, seed: int, epoch: int) -> None:
        self.shards = [str(path) for path in sorted(folder.glob(f"{split}-*.tar"))]
        if not self.shards:
            raise StageError(f"{folder} has no {split}-*.tar: run `dvc repro dataset`")
        self.transform = transform
        self.tokenizer = tokenizer
        self.seed = seed
        self.epoch = epoch
        self.shuffled = split == "train"

    def decode(self, sample: dict[str, Any]) -> tuple[Any, Any]:
        """Return the pixels and tokens of one webdataset sample."""
        texts = json.loads(sample["json"])["texts"]
        text = (
            random.Random(f"{self.seed} {self.epoch} {sample['__key__']}").choice(texts) if self.shuffled else texts[0]
        )
        with Image.open(io.BytesIO(sample["jpg"])) as image:
            pixels = self.transform(image.convert("RGB"))
        return pixels, self.tokenizer(text)[0]

    def loader(self, batch_size: int, workers: int) -> Any:
        """A DataLoader over the pass; the last batch may be small, one that holds a single sample is left out."""
        import torch
        import webdataset as wds

        dataset = wds.WebDataset(self.shards, shardshuffle=False, empty_check=False, workersplitter=wds.split_by_worker)
        if self.shuffled:
            dataset = dataset.shuffle(SHUFFLE, rng=random.Random(f"{self.seed} {self.epoch}"))
        return torch.utils.data.DataLoader(
            dataset.map(self.decode),
            batch_size=batch_size,
            num_workers=min(workers, len(self.shards)),
            worker_init_fn=_Seeded(self),
        )

    def batches(self, batch_size: int, workers: int) -> Iterator[Any]:
        """Yield (pixels, tokens) batches of at least two samples."""
        return (batch for batch in self.loader(batch_size, workers) if len(batch[0]) > 1)


class _Seeded:
    """Seeds a data worker, so that its random crops repeat from run to run."""

    def __init__(self, samples: Samples) -> None:
        self.seed = samples.seed * 1_000_003 + samples.epoch

    def __call__(self, worker: int) -> None:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(self.seed + 7919 * worker)
        random.seed(self.seed + 7919 * worker)


def count_samples(folder: Path, split: str) -> int:
    """Number of images in a split, from the tables of contents of its shards."""
    import tarfile

    total = 0
    for path in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(path) as tar:
            total += sum(name.endswith(".json") for name in tar.getnames())
    return total
