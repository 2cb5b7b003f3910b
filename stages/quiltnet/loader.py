"""Batches of pixels and tokens."""

import io
import itertools
import math
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.quiltnet.samples import Samples

PART = 64  # samples that a worker makes at once: of a large batch every worker makes a share
AHEAD = 4  # parts that each worker prepares at least

Item = tuple[Any, Any, int, NDArray[np.int64], bool]


class SampleView:
    """Samples as a transform and a tokenizer turn them into tensors.

    Crops and the drawn text depend on (seed, epoch, n) alone: neither the number of workers nor where a run was
    interrupted changes them. Without `augmented` the first text is taken. With `pairs`, n is the number of a text, and
    the image is the one that it belongs to. A larger n is a sample that is drawn again (`order_of`).
    """

    def __init__(
        self, samples: Samples, transform: Any, tokenizer: Any, seed: int, augmented: bool, pairs: bool = False
    ) -> None:
        self.samples, self.transform, self.tokenizer = samples, transform, tokenizer
        self.seed, self.augmented, self.pairs = seed, augmented, pairs

    def item(self, epoch: int, n: int) -> Item:
        """Return (pixels, tokens, group of the text, groups of all texts of the image, whether the image is broken)."""
        rng = random.Random(f"{self.seed} {epoch} {n}")
        n %= len(self.samples.texts) if self.pairs else len(self.samples)
        image = int(np.searchsorted(self.samples.first, n, side="right")) - 1 if self.pairs else n
        first, after = (int(self.samples.first[image + step]) for step in (0, 1))
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
                return self.transform(image if image.mode == "RGB" else image.convert("RGB")), False
        except (OSError, SyntaxError, ValueError):
            return self.transform(Image.new("RGB", (256, 256), "grey")), True


def as_bytes(transform: Any) -> Any:
    """`transform` up to where it makes numbers of bytes: a quarter of what workers have to make and to hand over.
    `as_numbers` does the rest. A transform that does not end like open_clip's stays as it is."""
    from torchvision.transforms import Compose, Normalize, PILToTensor, ToTensor

    steps = getattr(transform, "transforms", [])
    if len(steps) < 2 or not isinstance(steps[-1], Normalize) or not isinstance(steps[-2], ToTensor):
        return transform
    return Compose([*steps[:-2], PILToTensor()])


def as_numbers(pixels: Any, mean: Any, std: Any) -> Any:
    """A batch of bytes as torchvision's ToTensor and Normalize make numbers of each image, to the bit on a CPU.

    Channels come last: convolutions run about twice as fast so on two cores.
    """
    import torch

    return pixels.contiguous(memory_format=torch.channels_last).float().div_(255).sub_(mean).div_(std)


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
    They end with the last reference to this object. Two batches of `batch_size` are under way at a time, or more.
    """

    def __init__(self, views: Mapping[str, SampleView], workers: int, batch_size: int = PART) -> None:
        import torch

        self._wanted: list[list[tuple[str, int, int]]] = []
        self._loader = torch.utils.data.DataLoader(
            Items(views),
            batch_sampler=self._wanted,
            num_workers=workers,
            persistent_workers=workers > 0,
            multiprocessing_context="fork" if workers else None,
            worker_init_fn=_one_thread,
            prefetch_factor=max(AHEAD, math.ceil(2 * batch_size / (PART * workers))) if workers else None,
        )

    def batches(self, name: str, epoch: int, batches: Sequence[NDArray[np.int64]]) -> Iterator[list[Any]]:
        """Yield `batches`, numbers of samples, of the view `name` in `epoch`, in order."""
        shares = [[batch[at : at + PART] for at in range(0, len(batch), PART)] for batch in batches]
        self._wanted[:] = [[(name, epoch, int(n)) for n in part] for share in shares for part in share]
        parts = iter(self._loader)
        for share in shares:
            yield [_joined(column) for column in zip(*itertools.islice(parts, len(share)), strict=True)]


def _joined(parts: Sequence[Any]) -> Any:
    """Parts of a batch in one tensor, from which a GPU can copy while it works."""
    import torch

    if not torch.cuda.is_available():
        return parts[0] if len(parts) == 1 else torch.cat(parts)
    shape = (sum(len(part) for part in parts), *parts[0].shape[1:])
    return torch.cat(parts, out=torch.empty(shape, dtype=parts[0].dtype, pin_memory=True))


def _one_thread(worker: int) -> None:
    import torch

    torch.set_num_threads(1)


def _seed(number: int) -> None:
    """Seed what transforms draw numbers from. Not by torch.manual_seed, which queues work for a GPU at each call."""
    import torch

    torch.default_generator.manual_seed(number)
    random.seed(number)
    np.random.seed(number % 2**32)
