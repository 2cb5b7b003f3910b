"""Copies of pictures of tissue as real ones are: how many of each kind are found, false ones, and seconds at a million.

    python -m benchmarks.copies [FOLDER [COUNT]]

takes the first COUNT (40) pictures in FOLDER, or without one the real pictures that come with packages, cut into tiles.
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
from PIL import Image

from benchmarks import report
from benchmarks.alterations import ALTERATIONS, altered
from stages.common.data.arrays import Picture
from stages.common.data.pictures import decode
from stages.common.models.device import cores
from stages.common.paths import FRAME_FILTER_DIR
from stages.common.stage.params import load_params
from stages.common.tables.fingerprints import FEATURE, HANDED, SIDE, WORD_BITS
from stages.dataset.crops import verifier
from stages.dataset.duplicates import Fingerprints, copies
from stages.dataset.second_look import candidates
from stages.dataset.words import Features, pictures_with_common_words
from stages.demo.real import HISTOLOGY, photograph
from stages.fingerprints.features import MOST
from stages.fingerprints.work import fingerprints

BAR = 0.9  # recall of every kind of copy
KINDS = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
TILE, COLOURED = 440, 0.25  # pixels of a packaged picture's tiles; share of a tile that must be coloured
LARGE = (25_000, 50_000, 100_000)  # pictures at which the search is timed
MILLION = 1_000_000


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


def read(folder: Path, count: int) -> list[Picture]:
    """The first pictures in a folder, by name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS)[:count]
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
    return fingerprints(references, FRAME_FILTER_DIR, params.dims, base, "cpu", folder / ".state", flags=False)


def kinds(pictures: list[Picture], folder: Path) -> None:
    """Recall of every kind of copy."""
    params, _ = load_params("dataset")
    verify = verifier(cores())
    count = len(pictures)
    originals = prints(pictures, folder, "original")
    for way in ALTERATIONS:
        changed = [altered(way, one, pictures[(n + 1) % count], n) for n, one in enumerate(pictures)]
        others = prints(changed, folder, "altered")
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


def like(features: Features, count: int, rng: np.random.Generator) -> Features:
    """Features of `count` made-up pictures: the bits of their words are as often set, and as often set together, as
    those of real ones."""
    bits = (features.words[:, None] >> np.arange(WORD_BITS, dtype=np.uint32)) & 1
    bits = bits[:, bits.any(0)].astype(np.float64)
    # Signs of normal numbers that correlate like this agree as often as the bits do.
    values, vectors = np.linalg.eigh(np.sin(np.pi / 2 * np.corrcoef(bits.T)))
    mix = (vectors * np.sqrt(values.clip(0))).T.astype(np.float32)
    mix /= np.linalg.norm(mix, axis=0)
    level = np.quantile(rng.standard_normal(100_000), 1 - bits.mean(0)).astype(np.float32)
    table = np.zeros(count * MOST, FEATURE)
    for begin in range(0, len(table), 1 << 20):
        part = table[begin : begin + (1 << 20)]
        signs = rng.standard_normal((len(part), len(mix)), dtype=np.float32) @ mix > level
        part["word"] = signs @ (1 << np.arange(len(mix), dtype=np.int64)).astype(np.float64)
        part["word"] |= HANDED * rng.integers(0, 2, len(part), dtype=np.uint32)
        for name in ("x", "y", "angle"):
            part[name] = rng.integers(0, SIDE, len(part))
        part["size"] = rng.choice(features.table["size"], len(part))
    return Features(table, np.repeat(np.arange(count, dtype=np.int32), MOST))


def collisions(features: Features) -> float:
    """How many pairs of features of two pictures there are for one that has the same word."""
    words = features.words.astype(np.int64)
    both = [np.unique(keys, return_counts=True)[1] for keys in (words, words | features.picture.astype(np.int64) << 32)]
    pictures = np.bincount(features.picture)
    same = np.subtract(*((counts.astype(float) ** 2).sum() for counts in both))
    return (len(words) ** 2 - (pictures.astype(float) ** 2).sum()) / max(1, same)


def search(pictures: list[Picture], folder: Path) -> None:
    """Seconds of the search for shared words, scaled to a million pictures."""
    real = Features.of(prints(pictures, folder, "original").blobs)
    rng = np.random.default_rng(0)
    seconds = []
    for count in LARGE:
        made = like(real, count, rng)
        groups = np.arange(count) // 4
        began = time.perf_counter()
        found = pictures_with_common_words(made, made, groups, groups, cores())
        seconds.append(time.perf_counter() - began)
    # Sorting grows with the number of features, matches with its square.
    sizes = np.array(LARGE) / MILLION
    linear, square = np.linalg.lstsq(np.stack([sizes, sizes**2], 1), np.array(seconds), rcond=None)[0]
    note = (
        f"{', '.join(f'{s:.1f} s at {n}' for s, n in zip(seconds, LARGE, strict=True))} on {cores()} cores; "
        f"{len(found)} pairs at the last; one in {collisions(like(real, len(pictures), rng)):.3g} features shares its "
        f"word with another's, of the real ones one in {collisions(real):.3g}"
    )
    report("candidates at a million pictures", max(0, linear) + max(0, square), None, 600, note)


def main(folder: str = "", count: str = "40") -> None:
    """Every benchmark, on the pictures in `folder`."""
    cv2.setNumThreads(1)
    pictures = read(Path(folder), int(count)) if folder else packaged()[: int(count)]
    with tempfile.TemporaryDirectory() as place:
        for benchmark in (kinds, tiles, search):
            benchmark(pictures, Path(place))


if __name__ == "__main__":
    main(*sys.argv[1:])
