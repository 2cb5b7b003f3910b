"""Evalsets in their official on-disk forms, read under a protocol file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from stages.common.errors import StageError

SUFFIXES = {".tif", ".tiff", ".jpg", ".jpeg", ".png"}


class Evalset(BaseModel):
    """One dataset of a protocol: how its files are read, and the prompt for each of its labels."""

    model_config = ConfigDict(extra="forbid")

    loader: str
    root: str
    organ: str
    classes: dict[str, str]


class Protocol(BaseModel):
    """What is measured on: evalsets by name, and the templates whose embeddings are averaged."""

    model_config = ConfigDict(extra="forbid")

    name: str
    templates: list[str]
    evalsets: dict[str, Evalset]


def load_protocol(path: str) -> Protocol:
    """Return the protocol in the YAML file `path`; raises StageError that names the key at fault."""
    try:
        return Protocol.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise StageError(f"evaluation.protocol: {path} not found: see protocols/ for those there are") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise StageError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def read_evalset(folder: Path, name: str, evalset: Evalset) -> pd.DataFrame:
    """Return (path, label, split) of an evalset's images below `folder`, labels of the protocol only, sorted by path.

    `label` indexes evalset.classes; `split` is train or test, and "" where the official files have no split.
    """
    if evalset.loader not in LOADERS:
        raise StageError(f"evalset {name}: no loader '{evalset.loader}' (known: {', '.join(sorted(LOADERS))})")
    root = folder / evalset.root
    if not root.is_dir():
        raise StageError(
            f"evalset {name}: {root} not found: put its official files there or take it out of the protocol"
        )
    rows = pd.DataFrame(LOADERS[evalset.loader](root), columns=["path", "code", "split"])
    order = {code: number for number, code in enumerate(evalset.classes)}
    rows = rows[rows.code.isin(list(order))]
    if rows.empty:
        raise StageError(f"evalset {name}: no image of its classes below {root}")
    table = pd.DataFrame({"path": rows.path, "label": rows.code.map(order).astype(int), "split": rows.split})
    return table.sort_values("path", ignore_index=True)


Row = tuple[str, str, str]  # path, the label as the files have it, split


def image_folder(root: Path) -> Iterator[Row]:
    """One folder a class, no official split (LC25000)."""
    for path in sorted(root.glob("*/*")):
        if path.suffix.lower() in SUFFIXES:
            yield path.as_posix(), path.parent.name, ""


def nct_crc(root: Path) -> Iterator[Row]:
    """NCT-CRC-HE-100K to learn from, CRC-VAL-HE-7K to test on."""
    for folder, split in (("NCT-CRC-HE-100K", "train"), ("CRC-VAL-HE-7K", "test")):
        yield from ((path, code, split) for path, code, _ in image_folder(root / folder))


def skin_cancer(root: Path) -> Iterator[Row]:
    """tiles-v2.csv with file, class and set (Train, Validation, Test)."""
    table = _table(root / "tiles-v2.csv", pd.read_csv, ("file", "class", "set"))
    splits = {"Train": "train", "Validation": "validation", "Test": "test"}
    yield from zip(
        [(root / file).as_posix() for file in table.file], table["class"], table.set.map(splits), strict=True
    )


def sicapv2(root: Path) -> Iterator[Row]:
    """partition/Test/{Train,Test}.xlsx with one-hot columns NC, G3, G4, G5; G4C is ignored."""
    labels = ["NC", "G3", "G4", "G5"]
    for split in ("Train", "Test"):
        table = _table(root / "partition" / "Test" / f"{split}.xlsx", pd.read_excel, ("image_name", *labels))
        for name, code in zip(table.image_name, table[labels].idxmax(axis=1), strict=True):
            yield (root / "images" / name).as_posix(), code, split.lower()


def _table(path: Path, reader: Callable[[Path], pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.exists():
        raise StageError(f"{path} not found: it lists the evalset's images")
    table = reader(path)
    if missing := [name for name in columns if name not in table.columns]:
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    return table


LOADERS: dict[str, Callable[[Path], Any]] = {
    loader.__name__: loader for loader in (image_folder, nct_crc, skin_cancer, sicapv2)
}
