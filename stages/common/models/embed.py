"""Unit vectors of images and texts under one CLIP model."""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from stages.common.data.arrays import Vectors
from stages.common.data.pictures import MAX_PIXELS
from stages.common.data.reading import said
from stages.common.errors import StageError
from stages.common.models.clip import Clip
from stages.common.models.device import cores

Tower = Callable[[Any], Vectors]


class UnreadableImageError(StageError):
    """An image that cannot be decoded."""


AHEAD = 2  # batches that are decoded while the model embeds another


def embed_images(
    clip: Clip,
    references: Sequence[str],
    read: Callable[[str], bytes],
    batch_size: int,
    device: str,
    jobs: int,
    *,
    squash: bool = False,
    tower: Tower | None = None,
    title: str = "images",
) -> Vectors:
    """Return one unit vector per row for images, under the model's evaluation transform.

    Args:
        read: gives the encoded image of a reference; it is called from several threads.
        squash: resize the whole picture to a square, its aspect not kept, however the model was trained.
        tower: what `image_tower` gives for this model, batch size and device, where several sets are embedded.
        title: of the progress bar: whose images they are.

    Raises UnreadableImageError that names an image which cannot be decoded. Memory holds a few batches, not the set.
    """
    import torch
    from tqdm import tqdm

    transform, rows = clip.transform(squash=squash), []
    tower = tower or image_tower(clip, batch_size, device)
    parts = [references[begin : begin + batch_size] for begin in range(0, len(references), batch_size)]

    def pixels(reference: str) -> Any:
        try:
            with Image.open(io.BytesIO(read(reference))) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(f"{image.width} x {image.height} pixels")
                return transform(image.convert("RGB"))
        except MemoryError:
            raise
        except Exception as error:  # every format's reader, and every archive's, has its own
            raise UnreadableImageError(f"{reference}: unreadable image: {said(error)}") from None

    with ThreadPoolExecutor(cores() if jobs < 0 else max(1, jobs)) as pool, torch.inference_mode():
        batches = _ahead(parts, lambda part: [pool.submit(pixels, one) for one in part])
        for batch in tqdm(batches, total=len(parts), desc=title, unit="batch", leave=False, disable=len(parts) < 2):
            rows.append(tower(torch.stack([one.result() for one in batch])))
    return np.concatenate(rows)


def _ahead(
    parts: Sequence[Sequence[str]], submit: Callable[[Sequence[str]], list[Future[Any]]]
) -> Iterator[list[Future[Any]]]:
    waiting: list[list[Future[Any]]] = []
    for part in parts:
        waiting.append(submit(part))
        if len(waiting) > AHEAD:
            yield waiting.pop(0)
    yield from waiting


def image_tower(clip: Clip, batch_size: int, device: str) -> Tower:
    """The image tower, as its weights are now, for batches of up to `batch_size`. On a CPU its graph is frozen, which
    folds normalisation into convolutions; a frozen graph knows one shape, so a small batch is filled up."""
    import torch

    model = clip.model.to(device, memory_format=torch.channels_last).eval()
    tower = _module(model)
    if device == "cpu":
        example = torch.zeros(batch_size, 3, clip.image_size, clip.image_size)
        with torch.inference_mode(False), torch.no_grad():
            example = example.contiguous(memory_format=torch.channels_last)
            tower = torch.jit.freeze(torch.jit.trace(tower, example, check_trace=False))

    def call(pixels: Any) -> Vectors:
        count = len(pixels)
        if device == "cpu" and count < batch_size:
            pixels = torch.cat([pixels, pixels[:1].expand(batch_size - count, -1, -1, -1)])
        vectors = tower(pixels.to(device).contiguous(memory_format=torch.channels_last))
        found: Vectors = vectors[:count].float().cpu().numpy()
        return found

    return call


def _module(model: Any) -> Any:
    """`encode_image` as a module, which is what torch.jit traces."""
    import torch

    class ImageTower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixels: Any) -> Any:
            return self.model.encode_image(pixels, normalize=True)

    return ImageTower().eval()


def embed_texts(clip: Clip, texts: Sequence[str], batch_size: int, device: str) -> Vectors:
    """Return one unit vector per row for texts."""
    import torch

    rows = []
    model = clip.model.to(device).eval()
    with torch.inference_mode():
        for begin in range(0, len(texts), batch_size):
            tokens = clip.tokenizer(list(texts[begin : begin + batch_size])).to(device)
            rows.append(model.encode_text(tokens, normalize=True).float().cpu().numpy())
    return np.concatenate(rows)


def embed_classes(clip: Clip, prompts: Sequence[Sequence[str]], batch_size: int, device: str) -> Vectors:
    """Return one unit vector per class from its prompts, by a prompt ensemble."""
    vectors = embed_texts(clip, [prompt for one in prompts for prompt in one], batch_size, device)
    return ensemble(np.split(vectors, np.cumsum([len(one) for one in prompts])[:-1]))


def ensemble(prompts: Sequence[Vectors]) -> Vectors:
    """Return the mean of each class's unit vectors of prompts, normalised again (section 10a)."""
    means = np.stack([vectors.mean(0) for vectors in prompts])
    unit: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit
