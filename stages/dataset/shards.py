"""Webdataset shards: one sample per image, with all its texts."""

import functools
import io
import json
import tarfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image

from stages.common.data.files import jpeg
from stages.common.data.references import ImageReader
from stages.common.tables.dataset import SAMPLE, SPLITS, Sample

JPEG = b"\xff\xd8\xff"  # what a JPEG begins with
BLANK = tarfile.TarInfo().tobuf(tarfile.PAX_FORMAT)  # a header without name and size


def write_shards(
    table: pd.DataFrame, out: Path, max_side: int, shard_size: int, min_shards: int, seed: int, jobs: int
) -> dict[str, int]:
    """Pack the rows of `table` that have a split into `out`/SPLIT-NNNNNN.tar; return samples per split.

    A sample is KEY.jpg (longest side at most `max_side` pixels; a JPEG that is small enough keeps its bytes), KEY.txt
    (its first text) and KEY.json (texts, pair_ids and text_groups, in one order, and source). Samples are shuffled
    with `seed`; a split has at least `min_shards` shards where it has as many samples.
    """
    from tqdm import tqdm

    kept = table[table.split != ""]
    counted, plans, names = {}, [], set()
    for split in SPLITS:
        samples = _group_by_image(kept[kept.split == split])
        counted[split] = len(samples)
        order = np.random.default_rng(seed).permutation(len(samples))
        parts = max(-(-len(samples) // shard_size), min(min_shards, len(samples)))
        for number, rows in enumerate(np.array_split(order, parts) if parts else []):
            path = out / f"{split}-{number:06d}.tar"
            names.add(path)
            plans.append((path, [samples[row] for row in rows]))
    pool = Parallel(n_jobs=jobs, return_as="generator_unordered")
    done = pool(delayed(_write)(path, part, max_side) for path, part in plans)
    for _ in tqdm(done, total=len(plans), desc="shards", unit="shard"):
        pass
    for old in set(out.glob("*-*.tar")) - names:
        old.unlink()
    return counted


ImageWithTexts = tuple[str, str, Sample, int]  # key, reference, texts; the image's longest side in pixels


def _group_by_image(rows: pd.DataFrame) -> list[ImageWithTexts]:
    """One sample per image, in order of images."""
    names = ["image", "pair_id", "text", "text_group", "source", "width", "height"]
    columns = [rows.sort_values(["image", "pair_id"])[name].tolist() for name in names]
    samples: list[ImageWithTexts] = []
    for image, pair_id, text, group, source, width, height in zip(*columns, strict=True):
        if not samples or samples[-1][1] != image:
            record = Sample(source=source, texts=[], pair_ids=[], text_groups=[])
            samples.append((pair_id, image, record, max(width, height)))
        record = samples[-1][2]
        record["texts"].append(text)
        record["pair_ids"].append(pair_id)
        record["text_groups"].append(group)
    return samples


@functools.cache
def _reader() -> ImageReader:
    """One reader for all shards that a worker writes: samples are shuffled, so every shard reads from every tar."""
    return ImageReader()


def _write(path: Path, part: list[ImageWithTexts], max_side: int) -> None:
    """Write one shard, sample by sample, whole or not at all."""
    reader = _reader()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("wb") as tar:
        for key, image, record, side in part:
            _add(tar, f"{key}.jpg", small_jpeg(reader.read(image), side, max_side))
            _add(tar, f"{key}.txt", record["texts"][0].encode())
            _add(tar, f"{key}.json", json.dumps(SAMPLE.checked(record, key), sort_keys=True).encode())
        tar.write(bytes(2 * tarfile.BLOCKSIZE))
    unfinished.replace(path)


def _add(tar: BinaryIO, name: str, data: bytes) -> None:
    """Append a member: like TarFile.addfile, but without its copy of every TarInfo."""
    tar.write(header(name, len(data)))
    tar.write(data)
    tar.write(bytes(-len(data) % tarfile.BLOCKSIZE))


def header(name: str, size: int) -> bytes:
    """The header that tarfile makes, in a quarter of its time: only name, size and checksum are filled in."""
    if len(name) > tarfile.LENGTH_NAME or not name.isascii():
        info = tarfile.TarInfo(name)
        info.size = size
        return info.tobuf(tarfile.PAX_FORMAT)
    header = bytearray(BLANK)
    header[: len(name)] = name.encode()
    header[124:135] = b"%011o" % size
    header[148:156] = b" " * 8  # the checksum counts itself as blanks
    header[148:155] = b"%06o\0" % sum(header)
    return bytes(header)


def small_jpeg(data: bytes, side: int, max_side: int) -> bytes:
    """Return an image whose longest side is `side` as JPEG no larger than `max_side`; a small JPEG stays as it is."""
    if side <= max_side and data.startswith(JPEG):
        return data
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
        small.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
        return jpeg(small)
