"""Fingerprints of images: perceptual hashes, an embedding, size and quality, so that later stages need no pixels."""

import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from stages.common.data.arrays import Picture
from stages.common.data.files import sha256
from stages.common.data.pictures import decode
from stages.common.data.references import ImageReader, image_file
from stages.common.errors import Rejected, StageError
from stages.common.frame_filter.classifier import filter_digest, load_filter
from stages.common.frame_filter.quality import background, blur
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.forced import forced
from stages.common.incremental.process import LOST_REASONS
from stages.common.incremental.runner import Item, Work, run_items
from stages.common.models.device import one_thread
from stages.common.stage.params import Base
from stages.common.tables.fingerprints import IMAGES
from stages.fingerprints.features import blobs, spots

CHUNK = 64  # images of an item
PARTS = 64  # files of items that are kept in memory
HASH_SIDE = 16  # 16 x 16 = 256 bits
HASH_PIXELS = 4 * HASH_SIDE  # side of the image that is transformed
SEED = 17  # of the projection: the same in every run, so that embeddings of two runs can be compared


def fingerprints(
    references: Sequence[str], model: Path, dims: int, base: Base, device: str, state: Path, flags: bool = True
) -> "Rows":
    """Return the rows of images by their references (`path/to.tar#member`, or an evalset's paths).

    Columns: image, sha256, hash and mirrored (32 bytes each), blobs and spots (local features), embedding (`dims`
    float16 as bytes, of unit length), width, height, blur, background, histology, flag_NAME for each of FLAGS (NaN
    where the filter was not taught it, and without `flags`: to look for faces takes longer than all the rest), error,
    which is "" unless the image cannot be read, and flag_NAME of any other flag that the filter was taught.

    The folder `state` keeps the rows of every CHUNK images, from which a run that was broken off goes on. Images of
    such a part that is lost with its worker are done one at a time; those that are lost alone have as error the reason
    (worker_died, timeout, memory). Raises StageError where these are more than `base.max_failed` of all.
    """
    made = functools.partial(
        _made,
        work=functools.partial(_write_rows, model=model, dims=dims, device=device, flags=flags),
        needs=Dependencies(
            code=(_write_rows,),
            params={"dims": dims, "flags": flags},
            models={"frame_filter": filter_digest(model)},
            libraries=("torch", "timm", "opencv-python-headless", "imagehash", "pillow", "scipy"),
        ),
        base=base,
        device=device,
    )
    items = _items(references)
    failed = made(items, state / "rows", force=forced())
    if lost := set(failed.id[failed.reason.isin(LOST_REASONS)]):
        alone = {one.id: one for item in items if item.id in lost for one in _alone(item)}
        failed_alone = made(list(alone.values()), state / "alone")
        deadly = {alone[row.id].data["images"][0]: row.reason for row in failed_alone.itertuples()}
        if len(deadly) <= base.max_failed * len(references):
            items = [_without(item, deadly) if item.id in lost else item for item in items]
            failed = made(items, state / "rows")
    if len(failed):
        first = failed.iloc[0]
        images = next(item.data["images"] for item in items if item.id == first.id)
        where = f"{images[0]} to {images[-1]}: {first.reason}: {first.error}"
        raise StageError(f"fingerprints of {len(failed)} parts failed; first: {where}")
    return Rows(state / "rows", items)


def _made(
    items: Sequence[Item], out: Path, work: Work, needs: Dependencies, base: Base, device: str, force: bool = False
) -> pd.DataFrame:
    """Bring the folder `out` up to date with `items`; return the manifest's rows of those that failed."""
    manifest, _ = run_items(
        items,
        work,
        name="fingerprints",
        out=out,
        files=("{id}.parquet",),
        keys=out.parent / f"{out.name}_keys.parquet",
        needs=needs,
        base=base.model_copy(update={"max_failed": 1.0}),
        device=device,
        force=force,
    )
    return manifest[manifest.status != "ok"]


class Rows:
    """Rows of IMAGES in the files of items: those of a million images are gigabytes, so only a few are in memory."""

    def __init__(self, folder: Path, items: Sequence[Item]) -> None:
        self._folder = folder
        self._part_of = {image: item.id for item in items for image in item.data["images"]}
        self._read = functools.lru_cache(PARTS)(self._indexed)

    @functools.cached_property
    def columns(self) -> list[str]:
        """Names of the columns, of which the last may be in some files only: an unreadable image has no such flag."""
        import pyarrow.parquet as pq

        schemas = (pq.read_schema(self._folder / f"{part}.parquet") for part in sorted(set(self._part_of.values())))
        return list(dict.fromkeys([*IMAGES.names, *(name for schema in schemas for name in schema.names)]))

    def of(self, references: Iterable[str]) -> Iterator[pd.DataFrame]:
        """Rows of images in the order of `references`, a frame for each stretch of them that is in one file."""
        for part, images in itertools.groupby(references, self._part_of.__getitem__):
            yield self._read(part).loc[list(images)].reset_index()

    def table(self, references: Iterable[str]) -> pd.DataFrame:
        """The same in one frame."""
        return pd.concat([*self.of(references)] or [IMAGES.frame([])], ignore_index=True)

    def _indexed(self, part: str) -> pd.DataFrame:
        return IMAGES.read(self._folder / f"{part}.parquet").reindex(columns=self.columns).set_index("image")


def _items(references: Sequence[str]) -> list[Item]:
    """CHUNK images each, of one tar or of files beside each other, so that a new tar changes no other item."""
    places: dict[str, list[str]] = {}
    for reference in sorted(set(references)):
        file = image_file(reference)
        places.setdefault(file if file != reference else str(Path(reference).parent), []).append(reference)
    digests = {file: sha256(Path(file)) for file in {image_file(reference) for reference in references}}
    items = []
    for place, images in places.items():
        for begin in range(0, len(images), CHUNK):
            part = images[begin : begin + CHUNK]
            name = hashlib.sha256(json.dumps([place, begin]).encode()).hexdigest()[:20]
            content = json.dumps([part, [digests[image_file(one)] for one in part]])
            items.append(Item(name, hashlib.sha256(content.encode()).hexdigest(), {"images": part}))
    return items


def _alone(item: Item) -> list[Item]:
    """An item for each image of a part."""
    names = {image: hashlib.sha256(image.encode()).hexdigest()[:20] for image in item.data["images"]}
    return [Item(name, item.digest, {"images": [image]}) for image, name in names.items()]


def _without(item: Item, deadly: Mapping[str, str]) -> Item:
    """The part in which the images of `deadly` are not looked at, but have an error."""
    errors = {image: deadly[image] for image in item.data["images"] if image in deadly}
    content = json.dumps([item.digest, sorted(errors.items())])
    return Item(item.id, hashlib.sha256(content.encode()).hexdigest(), item.data | {"errors": errors})


def _write_rows(item: Item, scratch: Path, model: Path, dims: int, device: str, flags: bool) -> None:
    rows = IMAGES.frame(_part(item.data["images"], item.data.get("errors", {}), model, dims, device, flags))
    IMAGES.write(scratch / f"{item.id}.parquet", rows)


@one_thread()
def _part(
    references: Sequence[str], errors: Mapping[str, str], model: Path, dims: int, device: str, flags: bool
) -> list[dict[str, Any]]:
    reader = ImageReader()
    rows: list[dict[str, Any]] = []
    pictures: list[Picture] = []
    for reference in references:
        data = reader.read(reference)
        row: dict[str, Any] = {"image": reference, "sha256": hashlib.sha256(data).hexdigest(), "error": ""}
        try:
            if reference in errors:
                raise Rejected(errors[reference])
            picture = decode(data)
            pictures.append(picture)
            row |= _pixels(picture)
        except Rejected as why:
            row["error"] = why.reason
        rows.append(row)
    predicted = iter(_predictions(pictures, model, dims, device, flags))
    return [row if row["error"] else row | next(predicted) for row in rows]


def _pixels(picture: Picture) -> dict[str, Any]:
    hashed, mirrored = perceptual_hashes(picture)
    height, width = picture.shape[:2]
    size = {"width": width, "height": height}
    local = {"blobs": blobs(picture), "spots": spots(picture)}
    quality = {"blur": blur(picture), "background": background(picture)}
    return {"hash": hashed, "mirrored": mirrored, **local, **quality, **size}


def perceptual_hashes(picture: Picture) -> tuple[bytes, bytes]:
    """The 256-bit DCT hashes (imagehash.phash), as 32 bytes, of an RGB image and of its mirror image."""
    import imagehash

    small = Image.fromarray(picture).convert("L").resize((HASH_PIXELS, HASH_PIXELS), Image.Resampling.LANCZOS)
    mirror = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    first, second = (imagehash.phash(image, hash_size=HASH_SIDE).hash for image in (small, mirror))
    return np.packbits(first).tobytes(), np.packbits(second).tobytes()


def _predictions(pictures: list[Picture], model: Path, dims: int, device: str, flags: bool) -> Iterator[dict[str, Any]]:
    if not pictures:
        return
    predicted = load_filter(model, device).predict(pictures, flags)
    vectors = predicted.features @ _projection(predicted.features.shape[1], dims)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    for number, vector in enumerate(vectors.astype(np.float16)):
        raised = {f"flag_{name}": float(scores[number]) for name, scores in predicted.flags.items()}
        yield {"embedding": vector.tobytes(), "histology": float(predicted.histology[number]), **raised}


def _projection(features: int, dims: int) -> NDArray[np.float32]:
    """A random projection, which keeps angles well enough to find similar images (Johnson and Lindenstrauss 1984)."""
    return np.random.default_rng(SEED).standard_normal((features, dims)).astype(np.float32) / np.float32(dims**0.5)
