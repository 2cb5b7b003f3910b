"""Evalsets as their makers publish them: which images there are, with which labels and in which split."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from stages.common.errors import StageError
from stages.common.stage.extensions import is_extension, load_extension

SUFFIXES = {".tif", ".tiff", ".jpg", ".jpeg", ".png", ".bmp"}

# path, code (the label as the files have it), split; institution, text and group (patient, slide) where there are any
Row = dict[str, str]


def image_folder(root: Path) -> Iterator[Row]:
    """One folder per class, of any depth; no official split (LC25000, Databiox, BACH's Photos, RenalCell)."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        images = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
        if not images:
            raise StageError(f"{folder} holds no image: fetch it again or remove the folder")
        yield from (_row(path, folder.name) for path in images)


def nct_crc(root: Path) -> Iterator[Row]:
    """NCT-CRC-HE-100K is the train split, CRC-VAL-HE-7K the test split."""
    for folder, split in (("NCT-CRC-HE-100K", "train"), ("CRC-VAL-HE-7K", "test")):
        yield from (row | {"split": split} for row in image_folder(_there(root / folder)))


def pcam(root: Path) -> Iterator[Row]:
    """PatchCamelyon: camelyonpatch_level_2_split_{train,valid,test}_{x,y}.h5, labels 0 and 1; slides from its tables
    camelyonpatch_level_2_split_*_meta.csv where they are there."""
    import h5py

    for name, split in (("train", "train"), ("valid", "validation"), ("test", "test")):
        images, labels = (_there(root / f"camelyonpatch_level_2_split_{name}_{part}.h5") for part in "xy")
        with h5py.File(images, "r") as pictures, h5py.File(labels, "r") as answers:
            codes = answers["y"][:].reshape(-1)
            if len(codes) != len(pictures["x"]):
                raise StageError(f"{labels} has {len(codes)} labels for {len(pictures['x'])} images: fetch it again")
        meta = root / f"camelyonpatch_level_2_split_{name}_meta.csv"
        slides = _table(meta, pd.read_csv, ("wsi",)).wsi.astype(str) if meta.exists() else [""] * len(codes)
        if len(slides) != len(codes):
            raise StageError(f"{meta} has {len(slides)} rows for {len(codes)} images: fetch it again")
        for number, (code, slide) in enumerate(zip(codes, slides, strict=True)):
            yield {"path": f"{images.as_posix()}#{number}", "code": str(code), "split": split, "group": slide}


def mhist(root: Path) -> Iterator[Row]:
    """annotations.csv with Image Name, Majority Vote Label (HP, SSA) and Partition; the files in images/."""
    table = _table(root / "annotations.csv", pd.read_csv, ("Image Name", "Majority Vote Label", "Partition"))
    columns = (table["Image Name"], table["Majority Vote Label"], table["Partition"])
    for name, code, part in zip(*columns, strict=True):
        yield _row(root / "images" / name, code, "train" if part == "train" else "test")


def sicapv2(root: Path) -> Iterator[Row]:
    """partition/Test/{Train,Test}.xlsx with one-hot columns NC, G3, G4, G5; G4C is ignored."""
    labels = ["NC", "G3", "G4", "G5"]
    for split in ("Train", "Test"):
        table = _table(root / "partition" / "Test" / f"{split}.xlsx", pd.read_excel, ("image_name", *labels))
        for name, code in zip(table.image_name, table[labels].idxmax(axis=1), strict=True):
            yield _row(root / "images" / name, code, split.lower())


def osteo(root: Path) -> Iterator[Row]:
    """ML_Features_1144.csv with an image's name and its classification; images anywhere below, their names with
    hyphens where the table has spaces, and sometimes longer."""
    path = root / "ML_Features_1144.csv"
    table = _table(path, pd.read_csv, ("classification",)).rename(columns={"image.name": "image_name"})
    if "image_name" not in table.columns:
        raise StageError(f"{path}: column 'image_name' is missing")
    files = sorted((p.stem, p) for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
    for name, code in zip(table.image_name.astype(str), table.classification.astype(str), strict=True):
        stem = name.strip().replace(" - ", "-").replace(" ", "-")
        stem = stem[: -len(Path(stem).suffix)] if Path(stem).suffix.lower() in SUFFIXES else stem
        found = next((file for own, file in files if own.startswith(stem)), None)
        if found is None:
            raise StageError(f"{path}: no image below {root} is called {stem}*: put the sets of tiles there")
        yield _row(found, code.strip())


def skin_cancer(root: Path) -> Iterator[Row]:
    """tiles-v2.csv with file, class and set (Train, Validation, Test)."""
    table = _table(root / "tiles-v2.csv", pd.read_csv, ("file", "class", "set"))
    splits = {"Train": "train", "Validation": "validation", "Test": "test"}
    for file, code, part in zip(table.file, table["class"], table.set.map(splits), strict=True):
        yield _row(root / file, code, part)


def skin_tumor(root: Path) -> Iterator[Row]:
    """The rows of skin_cancer whose malignicy, as the column is spelled, is tumor."""
    table = _table(root / "tiles-v2.csv", pd.read_csv, ("file", "malignicy"))
    tumor = {(root / file).as_posix() for file in table.file[table.malignicy == "tumor"]}
    yield from (row for row in skin_cancer(root) if row["path"] in tumor)


def arch(root: Path) -> Iterator[Row]:
    """arch.csv with image_path (below the folder) and caption: pairs to retrieve."""
    table = _table(root / "arch.csv", pd.read_csv, ("image_path", "caption"))
    for file, text in zip(table.image_path, table.caption, strict=True):
        yield _row(root / str(file), "") | {"text": str(text)}


def table(root: Path) -> Iterator[Row]:
    """A user's own set: evalset.csv with image (below the folder), label or text, and, where there are any, split
    (train, validation, test), institution and group (patient or slide)."""
    path = root / "evalset.csv"
    rows = _table(path, functools.partial(pd.read_csv, dtype=str, keep_default_na=False), ("image",))
    if not {"label", "text"} & set(rows.columns):
        raise StageError(f"{path}: column 'label' (or 'text', for pairs) is missing")
    for row in rows.to_dict("records"):
        more = {name: row[name] for name in ("institution", "text", "group") if name in row}
        yield _row(root / row["image"], row.get("label", ""), row.get("split", "")) | more


def _row(path: Path, code: str, split: str = "") -> Row:
    return {"path": path.as_posix(), "code": code, "split": split}


def _there(path: Path) -> Path:
    if not path.exists():
        raise StageError(f"{path} not found: it is part of the official files")
    return path


def _table(path: Path, reader: Callable[[Path], pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.exists():
        raise StageError(f"{path} not found: it lists the evalset's images")
    found = reader(path)
    if missing := [name for name in columns if name not in found.columns]:
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    return found


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
    for loader in (image_folder, nct_crc, pcam, mhist, sicapv2, osteo, skin_cancer, skin_tumor, arch, table)
}
