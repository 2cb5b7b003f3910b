"""Copies of pictures of tissue as real ones are: how many of each kind are found, false ones, and seconds at a million.

    python -m benchmarks.copies [FOLDER [COUNT [AMONG]]]

takes the first COUNT (40, at most half) pictures in FOLDER, or without one the real pictures that come with packages,
cut into tiles; the other pictures there serve to make up the AMONG (100,000) in which copies are searched.
Each picture and its altered copy are in groups of their own, so a copy that is found would be dropped by the stage
`dataset` under its default parameters. Notes say how many share words (are candidates by these alone), how many are
verified when they are given as a pair, and how many the second look sees.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from benchmarks import report
from benchmarks.alterations import ALTERATIONS, altered
from stages.common.data.arrays import Picture
from stages.common.data.pictures import decode
from stages.common.models.device import cores
from stages.common.paths import FRAME_FILTER_DIR
from stages.common.stage.params import load_params
from stages.common.tables.fingerprints import SIDE, WORD_BITS
from stages.dataset.crops import verifier
from stages.dataset.duplicates import copies
from stages.dataset.fingerprints import Fingerprints
from stages.dataset.second_look import candidates
from stages.dataset.words import Features, pictures_with_common_words
from stages.demo.real import HISTOLOGY, photograph
from stages.fingerprints.features import MOST
from stages.fingerprints.work import fingerprints

BAR = 0.9  # recall of every kind of copy
KINDS = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
TILE, COLOURED = 440, 0.25  # pixels of a packaged picture's tiles; share of a tile that must be coloured
MILLION = 1_000_000
TRIED, PART = 200_000, 20_000  # features made to find how far to smooth; pictures made at a time


def packaged() -> list[Picture]:
    """Tiles of real tissue, none of which overlaps another."""
    tiles = []
    for name in ("skin", *HISTOLOGY):
        whole = photograph(name)
        for top in range(0, whole.shape[0] - TILE + 1, TILE):
            for left in range(0, whole.shape[1] - TILE + 1, TILE):
                tile = np.ascontiguousarray(whole[top : top + TILE, left : left + TILE])
                if (np.ptp(tile, axis=2) > 20).mean() > COLOURED:
                    tiles.append(tile)
    return tiles


def read(folder: Path) -> list[Picture]:
    """The pictures in a folder, by name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS)
    if not paths:
        raise SystemExit(f"{folder} holds no pictures ({', '.join(KINDS)})")
    return [decode(path.read_bytes()) for path in paths]


def prints(pictures: list[Picture], folder: Path, name: str) -> pd.DataFrame:
    """The fingerprints of pictures, as the stage makes them."""
    paths = [folder / f"{name}-{number:05d}.png" for number in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture).save(path, compress_level=1)
    params, base = load_params("fingerprints")
    references = [str(path) for path in paths]
    rows = fingerprints(references, FRAME_FILTER_DIR, params.dims, base, "cpu", folder / ".state", flags=False)
    return rows.table(references)


def changed(pictures: list[Picture], folder: Path) -> dict[str, pd.DataFrame]:
    """The fingerprints of the altered copies of every kind."""
    following = [*pictures[1:], pictures[0]]
    return {
        way: prints(
            [altered(way, *both, n) for n, both in enumerate(zip(pictures, following, strict=True))], folder, way
        )
        for way in ALTERATIONS
    }


def kinds(originals: pd.DataFrame, copied: dict[str, pd.DataFrame]) -> None:
    """Recall of every kind of copy."""
    params, _ = load_params("dataset")
    verify = verifier(cores())
    count = len(originals)
    for way, others in copied.items():
        both = Fingerprints.of(pd.concat([originals, others], ignore_index=True))
        found = copies(both, np.arange(2 * count), params.phash_distance, params.crop_cosine, verify, cores())
        right = sum(j - i == count for i, j in found[["i", "j"]].to_numpy())
        words = pictures_with_common_words(both.blobs, both.blobs, np.arange(2 * count), np.arange(2 * count), cores())
        shared = sum(j - i == count for i, j in words)
        verified = verify(list(zip(originals.image, others.image, strict=True)))
        second = sum(verified[j] for i, j in candidates(others.spots, originals.spots, cores()) if i == j)
        note = f"of {count}; {shared} share words; verified {sum(verified)}, second look {second}"
        report(f"copies, {way}", right / count, None, BAR, note, unit="", at_least=True)


def tiles(pictures: list[Picture], folder: Path) -> None:
    """Copies among the quarters of one picture, which are all false, and the seconds of each comparison."""
    params, _ = load_params("dataset")
    parts = [
        np.ascontiguousarray(half)
        for picture in pictures
        for band in np.array_split(picture, 2)
        for half in np.array_split(band, 2, axis=1)
    ]
    asked: list[tuple[str, str]] = []
    verify, spent = verifier(cores()), [0.0]

    def watched(pairs: Any) -> Any:
        asked.extend(pairs)
        began = time.perf_counter()
        answer = verify(pairs)
        spent[0] += time.perf_counter() - began
        return answer

    table = Fingerprints.of(prints(parts, folder, "tile"))
    found = copies(table, np.arange(len(parts)), params.phash_distance, params.crop_cosine, watched, cores())
    false = int((found.i // 4 == found.j // 4).sum())
    note = f"of {len(parts)} quarters; {len(asked)} compared closely; {len(found) - false} in pictures that differ"
    report("false copies", false, None, 0, note, unit="pairs")
    everything = [(a, b) for n, a in enumerate(table.images[:60]) for b in table.images[:n]][:1500]
    began = time.perf_counter()
    wrong = sum(verify(everything))
    took = (time.perf_counter() - began) / max(1, len(everything))
    note = f"any two of {len(everything)} quarters' pairs, {wrong} of them taken for copies"
    report("verification", took * 1000, None, 100, note, unit="ms a pair")


def crowd(real: Features, count: int, rng: np.random.Generator) -> Features:
    """Features of `count` made-up pictures (a smoothed bootstrap): words of real ones with some bits turned, so many
    that two pictures share a word as often as two real ones do."""
    low, high = 0.0, 0.5
    for _ in range(12):
        turned = (low + high) / 2
        some = np.arange(TRIED)
        rate = shared_words(Features(smoothed(real, TRIED, turned, rng), some.astype(np.int32)))
        low, high = (turned, high) if rate > shared_words(real) else (low, turned)
    parts = [smoothed(real, MOST * min(PART, count - begin), high, rng) for begin in range(0, count, PART)]
    return Features(np.concatenate(parts), np.repeat(np.arange(count, dtype=np.int32), MOST))


def smoothed(real: Features, count: int, turned: float, rng: np.random.Generator) -> NDArray[np.void]:
    """`count` features drawn from real ones, each bit of a word turned with this chance, anywhere in the picture."""
    table = real.table[rng.integers(0, len(real.table), count)]
    for bit in range(WORD_BITS):
        flips = rng.random(count, np.float32) < (turned if (real.words >> np.uint32(bit) & 1).any() else 0)
        table["word"] ^= flips.astype(np.uint32) << np.uint32(bit)
    for name in ("x", "y", "angle"):
        table[name] = rng.integers(0, SIDE, count)
    return table


def shared_words(features: Features) -> float:
    """How often a word of one picture is a word of another one."""
    owned = np.unique(features.words.astype(np.int64) << 32 | features.picture)
    counts = np.unique(owned >> 32, return_counts=True)[1].astype(float)
    return float((counts * (counts - 1)).sum() / len(owned) ** 2)


def search(originals: pd.DataFrame, copied: dict[str, pd.DataFrame], others: pd.DataFrame, among: int) -> None:
    """Of every kind of copy, how many share words with their originals when these are among pictures made up after
    `others`; and the seconds to search all for copies of each other."""
    real, first = Features.of(others.blobs), Features.of(originals.blobs)
    made = crowd(real, among, np.random.default_rng(0))
    numbers = np.concatenate([first.picture, made.picture + len(originals)]).astype(np.int32)
    every = Features(np.concatenate([first.table, made.table]), numbers)
    groups = np.arange(len(originals) + among)
    asked = pd.concat(copied.values(), ignore_index=True)
    found = pictures_with_common_words(Features.of(asked.blobs), every, np.full(len(asked), -1), groups, cores())
    hits = found[found[:, 0] % len(originals) == found[:, 1], 0] // len(originals)
    for number, way in enumerate(copied):
        right = int((hits == number).sum())
        note = f"{right} of {len(originals)} share words with their originals"
        report(f"candidates among {among}, {way}", right / len(originals), None, BAR, note, unit="", at_least=True)
    began = time.perf_counter()
    found = pictures_with_common_words(every, every, groups, groups, cores())
    note = (
        f"{cores()} cores, {len(found)} pairs; two of {len(others)} real pictures share a word once in "
        f"{1 / shared_words(real):.3g}"
    )
    took = time.perf_counter() - began
    report(f"candidates among {among}", took, None, round(600 * among / MILLION), note)


def main(folder: str = "", count: str = "40", among: str = "100000") -> None:
    """Every benchmark, on the pictures in `folder`."""
    cv2.setNumThreads(1)
    everything = read(Path(folder)) if folder else packaged()
    most = min(int(count), len(everything) // 2)
    pictures, others = everything[:most], everything[most:]
    with tempfile.TemporaryDirectory() as place:
        originals, copied = prints(pictures, Path(place), "original"), changed(pictures, Path(place))
        kinds(originals, copied)
        tiles(pictures, Path(place))
        search(originals, copied, prints(others, Path(place), "other"), int(among))


if __name__ == "__main__":
    main(*sys.argv[1:])
