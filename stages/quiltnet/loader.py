"""Batches of pixels and tokens."""

import io
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.quiltnet.samples import Samples

AHEAD = 4  # batches that each worker prepares

Item = tuple[Any, Any, int, NDArray[np.int64], bool]


class SampleView:
    """Samples as a transform and a tokenizer turn them into tensors.

    Crops and the drawn text depend on (seed, epoch, n) alone: neither the number of workers nor where a run was
    interrupted changes them. Without `augmented` the first text is taken. With `pairs`, n is the number of a text, and
    the image is the one that it belongs to.
    """

    def __init__(
        self, samples: Samples, transform: Any, tokenizer: Any, seed: int, augmented: bool, pairs: bool = False
    ) -> None:
        self.samples, self.transform, self.tokenizer = samples, transform, tokenizer
        self.seed, self.augmented, self.pairs = seed, augmented, pairs

    def item(self, epoch: int, n: int) -> Item:
        """Return (pixels, tokens, group of the text, groups of all texts of the image, whether the image is broken)."""
        image = int(np.searchsorted(self.samples.first, n, side="right")) - 1 if self.pairs else n
        first, after = (int(self.samples.first[image + step]) for step in (0, 1))
        rng = random.Random(f"{self.seed} {epoch} {n}")
        text = rng.randrange(first, after) if self.augmented else first
        text = n if self.pairs else text
        if self.augmented:
            _seed(rng.getrandbits(60))
        groups = np.full(self.samples.most_texts, -1, np.int64)
        groups[: after - first] = self.samples.group[first:after]
        pixels, broken = self._pixels(image)
        tokens = self.tokenizer(self.samples.texts[text].as_py())[0]
        return pixels, tokens, int(self.samples.group[text]), groups, broken

    def _pixels(self, n: int) -> tuple[Any, bool]:
        """The image, or a grey one where it cannot be decoded: the batch keeps its size, and the loss leaves it out."""
        samples = self.samples
        with open(samples.shards[samples.shard[n]], "rb", buffering=0) as file:  # noqa: PTH123 - unbuffered
            data = os.pread(file.fileno(), int(samples.size[n]), int(samples.offset[n]))
        try:
            with Image.open(io.BytesIO(data)) as image:
                return self.transform(image.convert("RGB")), False
        except (OSError, SyntaxError, ValueError):
            return self.transform(Image.new("RGB", (256, 256), "grey")), True


class Items:
    """Items of several views by (name of the view, epoch, n). It has no reference to the loader: in a reference cycle
    the workers would end only at garbage collection, which can wait 5 s for each."""

    def __init__(self, views: Mapping[str, SampleView]) -> None:
        self.views = views

    def __getitem__(self, place: tuple[str, int, int]) -> Item:
        name, epoch, n = place
        return self.views[name].item(epoch, n)


class Loader:
    """Batches of several views, by name, from the same worker processes.

    Workers are forked once, before training fills the memory: memory pages that are written after a fork are copied.
    They end with the last reference to this object.
    """

    def __init__(self, views: Mapping[str, SampleView], workers: int) -> None:
        import torch

        self._wanted: list[list[tuple[str, int, int]]] = []
        self._loader = torch.utils.data.DataLoader(
            Items(views),
            batch_sampler=self._wanted,
            num_workers=workers,
            persistent_workers=workers > 0,
            multiprocessing_context="fork" if workers else None,
            worker_init_fn=_one_thread,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=AHEAD if workers else None,
        )

    def batches(self, name: str, epoch: int, batches: Sequence[NDArray[np.int64]]) -> Iterator[list[Any]]:
        """Yield `batches`, numbers of samples, of the view `name` in `epoch`, in order."""
        self._wanted[:] = [[(name, epoch, int(n)) for n in batch] for batch in batches]
        yield from self._loader


def _one_thread(worker: int) -> None:
    import torch

    torch.set_num_threads(1)


def _seed(number: int) -> None:
    """Seed what transforms draw numbers from. Not by torch.manual_seed, which queues work for a GPU at each call."""
    import torch

    torch.default_generator.manual_seed(number)
    random.seed(number)
    np.random.seed(number % 2**32)
