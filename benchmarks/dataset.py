"""The dataset's table work at a million pairs, near duplicates against a full comparison, packing against copying."""

import json
import os
import shutil
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from benchmarks import report, seconds
from benchmarks.narration import sentences
from stages.common.data.files import jpeg
from stages.common.data.tars import write_tar
from stages.common.frame_filter.prediction import FLAGS
from stages.common.models.device import cores
from stages.common.stage.params import load_params
from stages.common.tables.pairs import pairs_table
from stages.dataset.neighbours import hamming_pairs
from stages.dataset.shards import write_shards

PAIRS = 1_017_712
SHARES = {"quilt": 802_148, "openpath": 133_511, "pubmed": 59_371, "laion": 22_682}  # Quilt-1M's
TEXTS_PER_IMAGE = {"quilt": 1.83, "openpath": 1.0, "pubmed": 1.0, "laion": 1.0}
IMAGES_PER_GROUP = {"quilt": 97, "openpath": 3, "pubmed": 2, "laion": 1}
TESTS = 100_000
COPIED, LEAKED = 0.03, 0.002  # of the images
DIMS = 64
PACKED, SIDE = 4000, 512


def hashes(count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Hashes far apart."""
    return rng.integers(0, 256, (count, 32), dtype=np.uint8)


def flipped(rows: NDArray[np.uint8], rng: np.random.Generator, most: int = 24) -> NDArray[np.uint8]:
    """Each hash with up to `most` of its bits flipped."""
    bits = np.unpackbits(rows, axis=1)
    order = rng.random(bits.shape).argsort(axis=1)
    bits ^= (order < rng.integers(0, most + 1, (len(rows), 1))).astype(np.uint8)
    return np.packbits(bits, axis=1)


def world(count: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Pairs in the paper's proportions, fingerprints of their images with planted copies and leaks, and of tests."""
    rng = np.random.default_rng(0)
    lines = sentences(20_000, seed=1)
    tables, images = [], []
    for source, share in SHARES.items():
        rows = round(count * share / PAIRS)
        image = np.sort(rng.integers(0, max(1, round(rows / TEXTS_PER_IMAGE[source])), rows))
        name = pd.Series(image).astype(str)
        text = pd.Series([f"{lines[n % len(lines)]} Case {n // 3}, field {n % 7}." for n in range(rows)])
        tables.append(
            pd.DataFrame(
                {
                    "pair_id": source + "_" + pd.Series(range(rows)).astype(str).str.zfill(8),
                    "source": source,
                    "group": source + "_" + pd.Series(image // IMAGES_PER_GROUP[source]).astype(str),
                    "image": source + ".tar#" + name + ".jpg",
                    "text": text,
                    "width": 800.0,
                    "height": 600.0,
                    "confidence": 1.0,
                }
            )
        )
        images.append(tables[-1].image.drop_duplicates())
    names = pd.concat(images, ignore_index=True)
    tests = prints(pd.Series([f"test/{n}.png" for n in range(TESTS * count // PAIRS)]), rng)
    table = prints(names, rng)
    plant(table, table, round(COPIED * len(table)), rng)
    plant(table, tests, round(LEAKED * len(table)), rng)
    return pairs_table(pd.concat(tables).to_dict("list")), table, tests.assign(evalset="nct")


def prints(names: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Fingerprints of images that have nothing to do with each other."""
    vectors = rng.standard_normal((len(names), DIMS), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    quality = {"blur": 0.2, "background": 0.1, "error": "", "width": 0, "height": 0}
    columns = {name: [row.tobytes() for row in hashes(len(names), rng)] for name in ("hash", "mirrored")}
    embedding = [row.tobytes() for row in vectors.astype(np.float16)]
    flags = {f"flag_{flag}": 0.0 for flag in FLAGS}
    local = {"blobs": b"", "spots": b""}  # benchmarks.copies times the search among them
    return pd.DataFrame({"image": names, "sha256": names, **columns, "embedding": embedding} | local | quality | flags)


def plant(table: pd.DataFrame, others: pd.DataFrame, count: int, rng: np.random.Generator) -> None:
    """Make `count` images of `table` copies of `others`, in hash or in embedding."""
    to, of = rng.choice(len(table), count, replace=False), rng.integers(0, len(others), count)
    half = count // 2
    source = np.frombuffer(b"".join(others.hash.iloc[of[:half]]), np.uint8).reshape(-1, 32)
    table.loc[to[:half], "hash"] = pd.Series([row.tobytes() for row in flipped(source, rng)], index=to[:half])
    table.loc[to[half:], "embedding"] = pd.Series(others.embedding.iloc[of[half:]].to_numpy(), index=to[half:])


def table_work(count: int) -> tuple[float, float, dict[str, int], int]:
    """Seconds and peak GiB of merge and the second leak check; what was dropped and what leaks were left."""
    import resource

    from stages.dataset.fingerprints import Fingerprints
    from stages.dataset.merge import leaks_left, merge

    pairs, images, tests = world(count)
    pairs = pairs.assign(similarity=np.nan)
    params, base = load_params("dataset")
    began = time.perf_counter()
    by_name = images.set_index("image", drop=False)

    def fingerprints(names: pd.Series) -> Fingerprints:
        return Fingerprints.of(by_name.loc[names])

    table = merge(pairs, images, tests, fingerprints, params, base.seed, lambda asked: [True] * len(asked))
    left = leaks_left(table, images, tests, params.phash_distance)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    dropped = {str(name): int(size) for name, size in table["drop"][table["drop"] != ""].value_counts().items()}
    return took, peak, dropped, sum(left.values())


def a_million() -> None:
    """Time, memory and growth of the table work, each size in a process of its own."""
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        small, *_ = pool.apply(table_work, (100_000,))
        large, *_ = pool.apply(table_work, (1_000_000,))
        whole, peak, dropped, left = pool.apply(table_work, (PAIRS,))
    report("table work", whole, None, 600, f"{PAIRS} pairs on {cores()} cores; dropped {json.dumps(dropped)}")
    report("table work, memory", peak, None, 8, "with the generated world", unit="GiB")
    report("table work, growth", large, small, 13, "10^6 against 10^5 pairs")
    report("leaks left", left, None, 0, "by a second search", unit="images")


def against_all() -> None:
    """Near duplicates at 10^5 hashes, against imagehash's own difference of every pair, scaled from a part."""
    import imagehash

    rng = np.random.default_rng(2)
    rows = hashes(100_000, rng)
    rows[90_000:] = flipped(rows[:10_000], rng)
    ours = seconds(lambda: hamming_pairs(rows, rows, 24), rounds=1)
    objects = [imagehash.ImageHash(np.unpackbits(row).reshape(16, 16).astype(bool)) for row in rows[:2000]]
    part = seconds(lambda: [[a - b for b in objects[:200]] for a in objects], rounds=1)
    theirs = part / (2000 * 200) * len(rows) * (len(rows) - 1) / 2
    note = "10^5 hashes within 24 bits; imagehash's differences scaled from 4 * 10^5 of 5 * 10^9"
    report("near duplicates", theirs, ours, 20, f"{note}; ours is in theirs", unit="s", at_least=True)
    words = rows.view(np.uint64)
    brute = sum(
        int((np.bitwise_count(words[i : i + 1] ^ words[i + 1 :]).sum(1, dtype=int) <= 24).sum()) for i in range(2000)
    )
    found = int((hamming_pairs(rows, rows, 24)[:, 0] < 2000).sum())
    report("near duplicates, recall", found / brute, None, 0.99, f"of {brute}", unit="", at_least=True)


def packing(folder: Path) -> None:
    """Shards from JPEGs of SIDE pixels, against copying the same bytes; both with the disk's cache flushed."""
    rng = np.random.default_rng(3)
    noise = [rng.integers(0, 255, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8) for _ in range(32)]
    encoded = [jpeg(Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for one in noise]
    names = [f"{n:06d}.jpg" for n in range(PACKED)]
    write_tar(folder / "a.tar", {name: encoded[n % 32] for n, name in enumerate(names)})
    rows = {"pair_id": [f"p{n}" for n in range(PACKED)], "image": [f"{folder}/a.tar#{name}" for name in names]}
    table = pd.DataFrame(rows).assign(
        text="some text of ten words or so", text_group="p", source="quilt", split="train", width=SIDE, height=SIDE
    )

    def pack() -> None:
        write_shards(table, folder / "out", SIDE, 1000, 1, 0, cores())
        os.sync()

    def copy() -> None:
        shutil.copyfile(folder / "a.tar", folder / "b.tar")
        os.sync()

    size = (folder / "a.tar").stat().st_size / 2**20
    pack()
    ours, theirs = size / seconds(pack), size / seconds(copy)
    report("packing shards", ours, theirs, 0.7, f"{size:.0f} MiB, against copying", unit="MiB/s", at_least=True)


if __name__ == "__main__":
    a_million()
    against_all()
    with tempfile.TemporaryDirectory() as place:
        packing(Path(place))
