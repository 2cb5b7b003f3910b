"""Evalsets as their makers publish them: which images there are, with which labels and in which split."""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import parse_json
from stages.common.errors import StageError
from stages.common.evalsets.listing import (
    SUFFIXES,
    existing,
    folder_with,
    folders_in,
    images_below,
    read_listing,
    unwrapped,
)
from stages.common.stage.extensions import is_extension, load_extension

GRADE = re.compile(r"grade[ _-]*([123]|i{1,3})(?![a-z0-9])", re.IGNORECASE)

# path, code (the label as the files have it), split; institution, text and group (patient, slide) where there are any
Row = dict[str, str]


def image_folder(root: Path) -> Iterator[Row]:
    """One folder per class, of any depth; no official split (LC25000, BACH's Photos)."""
    for folder in folders_in(unwrapped(root)):
        images = list(images_below(folder))
        if not images:
            raise StageError(f"{folder} holds no image: fetch it again or remove the folder")
        yield from (_row(path, folder.name) for path in images)


def nct_crc(root: Path) -> Iterator[Row]:
    """NCT-CRC-HE-100K is the train split, CRC-VAL-HE-7K the test split."""
    for folder, split in (("NCT-CRC-HE-100K", "train"), ("CRC-VAL-HE-7K", "test")):
        yield from (row | {"split": split} for row in image_folder(existing(_home(root, folder) / folder)))


def renal_cell(root: Path) -> Iterator[Row]:
    """One folder per class in tissue_classification, as it is called in the record, or in `root`."""
    folder = "tissue_classification"
    home = folder_with(root, folder)
    yield from image_folder(home / folder if home else root)


def databiox(root: Path) -> Iterator[Row]:
    """Images called, or in folders called, Grade 1 to 3 in any spelling: Grade1, grade_2, Grade III."""
    for path in images_below(root):
        said = GRADE.findall(path.relative_to(root).as_posix())
        if not said:
            raise StageError(f"{path}: neither its name nor its folder's says the grade: rename it or move it away")
        yield _row(path, f"Grade{said[-1] if said[-1].isdigit() else len(said[-1])}")


def pcam(root: Path) -> Iterator[Row]:
    """PatchCamelyon: camelyonpatch_level_2_split_{train,valid,test}_{x,y}.h5, labels 0 and 1; slides from its tables
    camelyonpatch_level_2_split_*_meta.csv where they are there."""
    import h5py

    home = _home(root, "camelyonpatch_level_2_split_test_x.h5")
    for name, split in (("train", "train"), ("valid", "validation"), ("test", "test")):
        images, labels = (existing(home / f"camelyonpatch_level_2_split_{name}_{part}.h5") for part in "xy")
        with h5py.File(images, "r") as pictures, h5py.File(labels, "r") as answers:
            codes = answers["y"][:].reshape(-1)
            if len(codes) != len(pictures["x"]):
                raise StageError(f"{labels} has {len(codes)} labels for {len(pictures['x'])} images: fetch it again")
        meta = home / f"camelyonpatch_level_2_split_{name}_meta.csv"
        slides = read_listing(meta, pd.read_csv, ("wsi",)).wsi.astype(str) if meta.exists() else [""] * len(codes)
        if len(slides) != len(codes):
            raise StageError(f"{meta} has {len(slides)} rows for {len(codes)} images: fetch it again")
        for number, (code, slide) in enumerate(zip(codes, slides, strict=True)):
            yield {"path": f"{images.as_posix()}#{number}", "code": str(code), "split": split, "group": slide}


def mhist(root: Path) -> Iterator[Row]:
    """annotations.csv with Image Name, Majority Vote Label (HP, SSA) and Partition; the files in images/."""
    root = _home(root, "annotations.csv")
    table = read_listing(root / "annotations.csv", pd.read_csv, ("Image Name", "Majority Vote Label", "Partition"))
    columns = (table["Image Name"], table["Majority Vote Label"], table["Partition"])
    for name, code, part in zip(*columns, strict=True):
        yield _row(root / "images" / name, code, "train" if part == "train" else "test")


def sicapv2(root: Path) -> Iterator[Row]:
    """partition/Test/{Train,Test}.xlsx with one-hot columns NC, G3, G4, G5; G4C is ignored."""
    labels = ["NC", "G3", "G4", "G5"]
    root = _home(root, "partition/Test")
    for split in ("Train", "Test"):
        table = read_listing(root / "partition" / "Test" / f"{split}.xlsx", pd.read_excel, ("image_name", *labels))
        for name, code in zip(table.image_name, table[labels].idxmax(axis=1), strict=True):
            yield _row(root / "images" / name, code, split.lower())


def osteo(root: Path) -> Iterator[Row]:
    """ML_Features_1144.csv with an image's name and its classification; images anywhere below, their names with
    hyphens where the table has spaces, and sometimes longer."""
    path = _home(root, "ML_Features_1144.csv") / "ML_Features_1144.csv"
    table = read_listing(path, pd.read_csv, ("classification",)).rename(columns={"image.name": "image_name"})
    if "image_name" not in table.columns:
        raise StageError(f"{path}: column 'image_name' is missing")
    files = sorted((path.stem, path) for path in images_below(root))
    for name, code in zip(table.image_name.astype(str), table.classification.astype(str), strict=True):
        stem = name.strip().replace(" - ", "-").replace(" ", "-")
        stem = stem[: -len(Path(stem).suffix)] if Path(stem).suffix.lower() in SUFFIXES else stem
        found = next((file for own, file in files if own.startswith(stem) and not own[len(stem) :][:1].isdigit()), None)
        if found is None:
            raise StageError(f"{path}: no image below {root} is called {stem}*: put the sets of tiles there")
        yield _row(found, code.strip())


def skin_cancer(root: Path) -> Iterator[Row]:
    """tiles-v2.csv with file, class and set (Train, Validation, Test); files are relative to the table's folder, or to
    the one above, as the makers have it (data/tiles-v2.csv lists data/tiles/CLASS/x.jpg)."""
    table, home = _skin_tiles(root)
    splits = {"Train": "train", "Validation": "validation", "Test": "test"}
    for file, code, part in zip(table.file, table["class"], table.set, strict=True):
        yield _row(home / file, code, splits.get(part, str(part)))


def skin_tumor(root: Path) -> Iterator[Row]:
    """The rows of skin_cancer whose malignicy, as the column is spelled, is tumor."""
    table, home = _skin_tiles(root, "malignicy")
    tumor = {(home / file).as_posix() for file in table.file[table.malignicy == "tumor"]}
    yield from (row for row in skin_cancer(root) if row["path"] in tumor)


def _skin_tiles(root: Path, *more: str) -> tuple[pd.DataFrame, Path]:
    """The table of tiles, and the folder that its files are relative to."""
    home = _home(root, "tiles-v2.csv")
    table = read_listing(home / "tiles-v2.csv", pd.read_csv, ("file", "class", "set", *more))
    places = [place for place in (home, home.parent) if any((place / file).exists() for file in table.file)]
    return table, places[0] if places else home


def arch(root: Path) -> Iterator[Row]:
    """Pairs to retrieve: books_set and pubmed_set, each with captions.json ({number: {caption, uuid, ...}}) and images
    called by the uuid; or arch.csv with image_path (below the folder) and caption.

    Captions that the makers publish without an image (35 in books_set) are passed over.
    """
    if (root / "arch.csv").exists():
        table = read_listing(root / "arch.csv", pd.read_csv, ("image_path", "caption"))
        yield from (
            _row(root / str(file), "") | {"text": str(text)}
            for file, text in zip(table.image_path, table.caption, strict=True)
        )
        return
    home = _home(root, "books_set")
    for part in ("books_set", "pubmed_set"):
        images = {path.stem: path for path in images_below(existing(home / part / "images"))}
        if not images:
            raise StageError(f"{home / part / 'images'} holds no image: fetch it again")
        for entry in _captions(existing(home / part / "captions.json")):
            if entry["uuid"] in images:
                yield _row(images[entry["uuid"]], "") | {"text": entry["caption"]}


def _captions(path: Path) -> Sequence[dict[str, Any]]:
    try:
        found = parse_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise StageError(f"{path} is no JSON: {error}: fetch it again") from None
    entries = list(found.values()) if isinstance(found, dict) else []
    for entry in entries:
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("uuid", "caption")):
            raise StageError(f"{path}: every entry must have a uuid and a caption: fetch it again")
    return entries


def table(root: Path) -> Iterator[Row]:
    """A user's own set: evalset.csv with image (below the folder), label or text, and, where there are any, split
    (train, validation, test), institution and group (patient or slide)."""
    path = root / "evalset.csv"
    rows = read_listing(path, functools.partial(pd.read_csv, dtype=str, keep_default_na=False), ("image",))
    if not {"label", "text"} & set(rows.columns):
        raise StageError(f"{path}: column 'label' (or 'text', for pairs) is missing")
    for row in rows.to_dict("records"):
        more = {name: row[name] for name in ("institution", "text", "group") if name in row}
        yield _row(root / row["image"], row.get("label", ""), row.get("split", "")) | more


def _row(path: Path, code: str, split: str = "") -> Row:
    return {"path": path.as_posix(), "code": code, "split": split}


def _home(root: Path, name: str) -> Path:
    """The folder that holds `name`: `root`, or one below it, as archives unpack; `root` where it is nowhere."""
    return folder_with(root, name) or root


def find_loader(name: str, where: str) -> Callable[[Path], Iterator[Row]]:
    """The loader called `name`, one of LOADERS or an extension, which is called with the evalset's folder; raises
    StageError that begins with `where`."""
    if is_extension(name):
        return load_extension(name, where, "root")
    if name not in LOADERS:
        raise StageError(f"{where}: there is no '{name}' (known: {', '.join(sorted(LOADERS))}, or FILE.py:NAME)")
    return LOADERS[name]


LOADERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    loader.__name__: loader
    for loader in (
        image_folder,
        nct_crc,
        pcam,
        mhist,
        sicapv2,
        databiox,
        osteo,
        renal_cell,
        skin_cancer,
        skin_tumor,
        arch,
        table,
    )
}
