"""Batches of pixels and tokens."""

import io
import os
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.quiltnet.samples import Samples

AHEAD = 4  # batches that each worker prepares


class View:
    """One epoch's look at samples: item n is (pixels, tokens, group of the text, groups of all texts of the image,
    whether its own image could not be decoded).

    Crops and the drawn text depend on (seed, epoch, n) alone: neither the number of workers nor where a run was broken
    off changes them. Without `augmented` the first text is taken.
    """

    def __init__(
        self, samples: Samples, transform: Any, tokenizer: Any, seed: int, epoch: int, augmented: bool
    ) -> None:
        self.samples, self.transform, self.tokenizer = samples, transform, tokenizer
        self.seed, self.epoch, self.augmented = seed, epoch, augmented

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, n: int) -> tuple[Any, Any, int, NDArray[np.int64], bool]:
        first, after = (int(self.samples.first[n + step]) for step in (0, 1))
        rng = random.Random(f"{self.seed} {self.epoch} {n}")
        text = rng.randrange(first, after) if self.augmented else first
        if self.augmented:
            _seed(rng.getrandbits(60))
        own = np.full(self.samples.most_texts, -1, np.int64)
        own[: after - first] = self.samples.group[first:after]
        pixels, broken = self._pixels(n)
        tokens = self.tokenizer(self.samples.texts[text].as_py())[0]
        return pixels, tokens, int(self.samples.group[text]), own, broken

    def _pixels(self, n: int) -> tuple[Any, bool]:
        """The image, or grey where it cannot be decoded: its batch keeps its size and the loss leaves it out."""
        samples = self.samples
        with open(samples.shards[samples.shard[n]], "rb", buffering=0) as file:  # noqa: PTH123 - unbuffered
            data = os.pread(file.fileno(), int(samples.size[n]), int(samples.offset[n]))
        try:
            with Image.open(io.BytesIO(data)) as image:
                return self.transform(image.convert("RGB")), False
        except (OSError, SyntaxError, ValueError):
            return self.transform(Image.new("RGB", (256, 256), "grey")), True


def loader(view: View, batches: Sequence[NDArray[np.int64]], workers: int) -> Any:
    """A DataLoader that gives `batches` of `view`, in order, from `workers` processes."""
    import torch

    return torch.utils.data.DataLoader(
        view,
        batch_sampler=[batch.tolist() for batch in batches],
        num_workers=min(workers, len(batches)),
        worker_init_fn=_one_thread,
        pin_memory=torch.cuda.is_available(),
        prefetch_factor=AHEAD if min(workers, len(batches)) else None,
    )


def _one_thread(worker: int) -> None:
    import torch

    torch.set_num_threads(1)


def _seed(number: int) -> None:
    """Seed what transforms draw from. Not torch.manual_seed, which queues work for a GPU at each call."""
    import torch

    torch.default_generator.manual_seed(number)
    random.seed(number)
    np.random.seed(number % 2**32)
