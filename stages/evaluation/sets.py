"""Evalsets and sets of pairs as the stage embeddings wrote them: vectors under each model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stages.common.data.arrays import Ints, Vectors
from stages.common.errors import StageError
from stages.common.stats import codes_of
from stages.common.tables.embeddings import EVALSET, FAILED_SETS, SETS

KINDS = ("images", "texts")


@dataclass(frozen=True)
class Labelled:
    """Images of known classes: unit vectors image (n, d) and text (classes, d), and a table with a row per image.

    `table` has path, label, split, institution and, where it is known, group; images whose label the protocol leaves
    out are not in it. Raises StageError for vectors that are not finite.
    """

    image: Vectors
    text: Vectors
    table: pd.DataFrame

    def __post_init__(self) -> None:
        check_finite(self.image, "images")
        check_finite(self.text, "classes")

    def rows_of(self, split: str) -> Ints:
        """Numbers of the images of one split (train, validation, test, or all); of all where the set has no split."""
        whole = split == "all" or (self.table.split == "").all()
        return np.flatnonzero(whole | (self.table.split == split).to_numpy())

    @property
    def label(self) -> Ints:
        """(n,) numbers of classes."""
        return self.table.label.to_numpy(np.int64)

    @property
    def group(self) -> Ints | None:
        """(n,) numbers of the groups, such as patients; an image of no known group is one of its own. None where no
        group is known."""
        return codes_of(self.table.get("group"))


def check_finite(vectors: Vectors, what: str) -> None:
    """Raise StageError where a vector of `what` holds NaN or infinity: any number made of it would be nonsense."""
    if (wrong := np.flatnonzero(~np.isfinite(vectors).all(1))).size:
        raise StageError(
            f"{len(wrong)} vectors of {what} are not finite, the first at {wrong[0]}: the model's weights overflow or "
            "are damaged; use other weights and run `dvc repro --force embeddings`"
        )


@dataclass(frozen=True)
class Paired:
    """Images and texts: unit vectors image (n, d) and text (m, d), and (pairs, 2) numbers of those that match; numbers
    of the images' groups, where any is known, and their institutions. Raises StageError for vectors that are not
    finite."""

    image: Vectors
    text: Vectors
    matches: Ints
    group: Ints | None = None
    institution: NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        check_finite(self.image, "images")
        check_finite(self.text, "texts")


def names_of(folder: Path, pairs: bool) -> list[str]:
    """Names of the embedded sets of pairs, or of those of classes."""
    tables = {path.stem: EVALSET.read(path) for path in sorted((folder / SETS).glob("*.parquet"))}
    return [name for name, table in tables.items() if (table.label < 0).all() == pairs]


def failed_of(folder: Path) -> dict[str, str]:
    """Why sets could not be read, by name."""
    path = folder / FAILED_SETS.path.name
    table = FAILED_SETS.read(path) if path.exists() else FAILED_SETS.frame([])
    return dict(zip(table.evalset, table.reason, strict=True))


def models_of(folder: Path) -> list[str]:
    """Names of the models that embedded: start, tuned, then others; none where there was no set to embed."""
    if not folder.is_dir():
        raise StageError(f"{folder} not found: run `dvc repro embeddings`")
    found = sorted(path.name for path in folder.glob("*") if path.is_dir() and path.name != SETS)
    return sorted(found, key=lambda name: (["start", "tuned"].index(name) if name in ("start", "tuned") else 2, name))


def labelled(folder: Path, model: str, name: str) -> Labelled:
    """The set `name` of classes under `model`. Raises StageError where it was not embedded."""
    table = EVALSET.read(folder / SETS / f"{name}.parquet")
    image, text = (_vectors(folder, model, name, kind) for kind in KINDS)
    chosen = np.flatnonzero(table.label >= 0)
    return Labelled(image[chosen], text, table.iloc[chosen].reset_index(drop=True))


def paired(folder: Path, model: str, name: str, merge: bool = True) -> Paired:
    """The set `name` of pairs under `model`. Raises StageError where it was not embedded.

    With `merge`, equal texts are one text, and so are rows of one image; without, each row is an image and a text of
    its own.
    """
    table = EVALSET.read(folder / SETS / f"{name}.parquet")
    images, texts = pd.factorize(table.path)[0], pd.factorize(table.text, sort=True)[0]
    image, text = (_vectors(folder, model, name, kind) for kind in KINDS)
    if not merge:
        image, text, matches = image[images], text[texts], np.stack([np.arange(len(table))] * 2, 1)
    else:
        table, matches = table.drop_duplicates("path"), np.unique(np.stack([images, texts], 1), axis=0)
    return Paired(image, text, matches, codes_of(table.group), table.institution.to_numpy(object))


def _vectors(folder: Path, model: str, name: str, kind: str) -> Vectors:
    from safetensors.numpy import load_file

    path = folder / model / f"{name}.{kind}.safetensors"
    if not path.exists():
        raise StageError(f"{path} not found: run `dvc repro embeddings`")
    found: Vectors = load_file(path)["vectors"]
    return found
