"""The index of the whole dataset under one model: a file of vectors for each shard, made once and kept.

A search reads one file at a time, so memory holds one shard, however many there are; it is exact.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from tqdm import tqdm

from stages.common.data.arrays import Vectors
from stages.common.data.files import sha256, write_bytes
from stages.common.data.references import ImageReader
from stages.common.models.clip import Clip
from stages.common.models.compared import vectors_made_by
from stages.common.models.embed import embed_images, embed_texts, image_tower
from stages.common.models.vectors import key_of
from stages.common.tables.dataset import DATASET_TABLE
from stages.search.samples import ImageSample, samples_of, shards_of

Kind = Literal["image", "text"]


class Hit(NamedTuple):
    """An answer: the cosine, the sample, and which of its texts."""

    score: float
    sample: ImageSample
    text: int


class Index:
    """Vectors of every image, or of every text, of `dataset` under the tuned model `clip`, in half precision below
    `folder`. What another model or dataset left there goes when all is made."""

    def __init__(
        self, clip: Clip, dataset: Path, folder: Path, kind: Kind, batch_size: int, device: str, jobs: int
    ) -> None:
        self._clip, self._batch_size, self._device, self._jobs = clip, batch_size, device, jobs
        self._shards, self._kind, self._root = shards_of(dataset), kind, folder
        sizes = [[path.name, path.stat().st_size] for path in self._shards]
        table = dataset / DATASET_TABLE.path.name
        key = key_of(vectors_made_by("tuned", clip), sha256(table) if table.exists() else "", sizes)
        self._folder = folder / key[:16]

    def complete(self) -> int:
        """Embed the shards that are not there yet, and return how many these were. A killed run goes on with the shard
        that it was at."""
        missing = [shard for shard in self._shards if not self._file(shard).exists()]
        tower = image_tower(self._clip, self._batch_size, self._device) if missing and self._kind == "image" else None
        for shard in tqdm(missing, desc=f"index of {self._kind}s", unit="shard", disable=not missing):
            write_vectors(self._file(shard), self._embed(samples_of(shard), tower))
        for old in set(self._root.glob("*")) - {self._folder}:
            shutil.rmtree(old)
        return len(missing)

    def nearest(self, question: Vectors, count: int) -> list[Hit]:
        """The `count` samples (or texts) nearest to `question`, a unit vector (1, d), nearest first."""
        best = nearest_rows((read_vectors(self._file(shard)) for shard in self._shards), question[0], count)
        return [self._match(self._shards[file], row, score) for file, row, score in best]

    def _match(self, shard: Path, row: int, score: float) -> Hit:
        samples = samples_of(shard)
        if self._kind == "image":
            return Hit(score, samples[row], 0)
        texts = [(sample, number) for sample in samples for number in range(len(sample.texts))]
        return Hit(score, *texts[row])

    def _embed(self, samples: list[ImageSample], tower: Callable[..., Vectors] | None) -> Vectors:
        if self._kind == "text":
            texts = [text for sample in samples for text in sample.texts]
            return embed_texts(self._clip, texts, self._batch_size, self._device)
        images, read = [sample.image for sample in samples], ImageReader().read
        return embed_images(
            self._clip, images, read, self._batch_size, self._device, self._jobs, tower=tower, title="images of a shard"
        )

    def _file(self, shard: Path) -> Path:
        return self._folder / f"{shard.stem}.{self._kind}.safetensors"


def write_vectors(path: Path, vectors: Vectors) -> None:
    """Write unit vectors (n, d) in half precision."""
    from safetensors.numpy import save

    write_bytes(path, save({"vectors": vectors.astype(np.float16)}))


def read_vectors(path: Path) -> Vectors:
    """The vectors (n, d) that `write_vectors` wrote."""
    from safetensors.numpy import load_file

    found: Vectors = load_file(path)["vectors"].astype(np.float32)
    return found


def nearest_rows(files: Iterator[Vectors], question: Vectors, count: int) -> list[tuple[int, int, float]]:
    """(file, row, score) of the `count` rows of all files with the highest product with `question` (d,), highest first;
    of equal ones the first."""
    from threadpoolctl import threadpool_limits

    best: list[tuple[int, int, float]] = []
    with threadpool_limits(1):  # a product is too small to share: threads would wait for each other
        for number, vectors in enumerate(files):
            scores = vectors @ question
            rows = np.argsort(-scores, kind="stable")[:count]
            best += [(number, int(row), float(scores[row])) for row in rows]
            best = sorted(best, key=lambda found: -found[2])[:count]
    return best
