"""Batches of candidates: filtered by a worker each, kept under a digest of all they depend on, so that a source that is
killed goes on where it was."""

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.common.data.files import read_json, write_bytes
from stages.common.data.references import ImageReader, image_file
from stages.common.data.tars import read_tar, tar_writer
from stages.common.errors import Rejected
from stages.common.frame_filter.classifier import load_filter
from stages.common.models.device import one_thread
from stages.sources.candidate import Candidate
from stages.sources.filters import Image, apply_filters, clean_text
from stages.sources.params import Params

IMAGES, CANDIDATES = 256, 4096  # of a batch, at most
BATCH_BYTES = 64_000_000  # of the images of a batch that are in memory
AT_ONCE = 64  # images given to the frame filter at once
HELD_BYTES = 64_000_000  # of these, from which fewer are


@dataclass(frozen=True)
class Done:
    """A batch that is filtered: its files in the folder of the unfinished source, and what they hold."""

    record: Path
    tar: Path

    @property
    def whole(self) -> bool:
        """Whether nothing of it is missing or damaged."""
        try:
            kept = self.read()["kept"]
            return not kept or len(read_tar(self.tar)) == len(kept)
        except (OSError, ValueError, KeyError, tarfile.TarError):
            return False

    def read(self) -> dict[str, list[dict[str, Any]]]:
        """`kept` and `dropped`: what is known of each candidate."""
        found: dict[str, list[dict[str, Any]]] = read_json(self.record)
        return found


def batched(candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    """The candidates in order, in batches that are bounded in number and bytes."""
    batch: list[Candidate] = []
    images = size = 0
    for candidate in candidates:
        batch.append(candidate)
        images += bool(candidate.image)
        size += len(candidate.image)  # of a reference, next to nothing
        if images >= IMAGES or len(batch) >= CANDIDATES or size >= BATCH_BYTES:
            yield batch
            batch, images, size = [], 0, 0
    if batch:
        yield batch


def batch_digest(batch: Sequence[Candidate], made_by: str) -> str:
    """Identity of a batch and of what it is filtered with; of images that are not read yet, by size and time of change:
    it lasts only until the source is finished."""
    found = hashlib.sha256(made_by.encode())
    for one in batch:
        image = _stat(one.image) if isinstance(one.image, str) else hashlib.sha256(one.image).hexdigest()
        rest = [one.key, one.group, one.text, one.provenance, one.license, one.drop, one.detail, one.more]
        found.update(json.dumps([image, *rest], sort_keys=True).encode())
    return found.hexdigest()[:32]


def _stat(reference: str) -> list[Any]:
    try:
        stat = Path(image_file(reference)).stat()
    except OSError:
        return [reference]
    return [reference, stat.st_size, stat.st_mtime_ns]


@one_thread()
def filter_batch(batch: Sequence[Candidate], done: Done, model: Path, device: str, params: Params) -> None:
    """Write the images of the candidates that pass the filters and show histology, and the record of all."""
    kept, dropped = [], []
    with tar_writer(done.tar) as add:
        for candidate, found in _judged(batch, model, device, params):
            if isinstance(found, Rejected):
                dropped.append(_dropped(candidate, found))
            else:
                add(f"{candidate.key}.jpg", found.data)
                kept.append(_kept(candidate, found))
    if not kept:
        done.tar.unlink()
    write_bytes(done.record, json.dumps({"kept": kept, "dropped": dropped}).encode())


def _judged(
    batch: Sequence[Candidate], model: Path, device: str, params: Params
) -> Iterator[tuple[Candidate, Rejected | Image]]:
    """Each candidate with its image, or with the reason against it; images are held until there are some."""
    reader = ImageReader()
    waiting: list[tuple[Candidate, Image]] = []
    for candidate in batch:
        try:
            waiting.append((candidate, apply_filters(candidate, params, reader)))
        except Rejected as why:
            yield candidate, why
        if len(waiting) == AT_ONCE or sum(image.held for _, image in waiting) > HELD_BYTES:
            yield from _histology(waiting, load_filter(model, device))
            waiting = []
    if waiting:  # the filter is not loaded for rows without images
        yield from _histology(waiting, load_filter(model, device))


def _histology(
    waiting: list[tuple[Candidate, Image]], frame_filter: Any
) -> Iterator[tuple[Candidate, Rejected | Image]]:
    predicted = frame_filter.predict([image.picture for _, image in waiting], flags=False)
    for (candidate, image), probability in zip(waiting, map(float, predicted.histology), strict=True):
        shows = frame_filter.is_histology(probability)
        yield candidate, image if shows else Rejected("not_histology", f"probability {probability:.2f}")


def _kept(candidate: Candidate, image: Image) -> dict[str, Any]:
    return {
        "key": candidate.key,
        "group": candidate.group,
        "text": clean_text(candidate.text),
        "width": image.width,
        "height": image.height,
        "provenance": candidate.provenance,
        "license": candidate.license,
        "more": candidate.more,
    }


def _dropped(candidate: Candidate, why: Rejected) -> dict[str, str]:
    return {
        "key": candidate.key,
        "group": candidate.group,
        "reason": why.reason,
        "detail": clean_text(why.message)[:200],
        "provenance": candidate.provenance,
        "license": candidate.license,
    }
