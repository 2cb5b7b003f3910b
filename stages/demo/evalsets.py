"""Five evalsets in the on-disk forms of the paper's test sets, filled with drawn tissue from seeds of their own."""

import datetime
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image

from stages.common.data.files import jpeg
from stages.demo.script import caption, drawn
from stages.demo.tile import field_of

COUNTS = {"small": (12, 16, 3), "tiny": (2, 4, 1)}  # test, training and captioned images per class
NCT = {
    "ADI": "adipose",
    "DEB": "necrosis",
    "LYM": "lymphocytes",
    "MUC": "mucin",
    "MUS": "smooth_muscle",
    "NORM": "colon_mucosa",
    "STR": "stroma",
    "TUM": "colorectal_cancer",
    "BACK": "",
}
SKIN = {
    "nontumor_skin_muscle_skeletal": "skeletal_muscle",
    "nontumor_skin_chondraltissue_chondraltissue": "cartilage",
    "nontumor_skin_epidermis_epidermis": "epidermis",
    "nontumor_skin_subcutis_subcutis": "adipose",
    "nontumor_skin_sebaceousglands_sebaceousglands": "sebaceous",
    "tumor_skin_epithelial_sqcc": "squamous_carcinoma",
    "tumor_skin_epithelial_bcc": "basal_cell_carcinoma",
    "tumor_skin_naevus_naevus": "naevus",
}
SICAP = {"NC": "benign_prostate", "G3": "atrophic_glands", "G4": "cribriform", "G5": "isolated_cells"}
LUNG = {"lung_aca": "lung_adenocarcinoma", "lung_n": "lung", "lung_scc": "squamous_carcinoma"}
Job = tuple[Path, str, int]  # file, tissue, side in pixels


def make_evalsets(out: Path, size: str, seed: int, jobs: int) -> dict[str, Any]:
    """Write nct_crc, skin_cancer, sicapv2, lc25000_lung and arch below `out`."""
    test, train, captioned = COUNTS[size]
    work = [*_nct(out / "nct_crc", test, train), *_skin(out / "skin_cancer", test, train)]
    work += [*_sicap(out / "sicapv2", test, train), *_lung(out / "lc25000_lung", test + train)]
    work += [*_arch(out / "arch", captioned, seed)]
    Parallel(n_jobs=jobs)(delayed(_draw)(*job, seed) for job in work)
    return {"items": len(work)}


def _draw(path: Path, tissue: str, side: int, seed: int) -> None:
    """Draw one tile. The leading 991 keeps these seeds apart from those of videos, frames and exports."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([991, seed, *"/".join(path.parts[-3:]).encode()])
    tile = field_of(tissue, side, rng)
    if path.suffix == ".tif":
        Image.fromarray(tile).save(path)
    else:
        path.write_bytes(jpeg(Image.fromarray(tile)))


def _nct(root: Path, test: int, train: int) -> Iterable[Job]:
    for code, tissue in NCT.items():
        for part, count in (("CRC-VAL-HE-7K", test), ("NCT-CRC-HE-100K", train)):
            for n in range(count):
                yield root / part / code / f"{code}-{part[:3]}{n:04d}.tif", tissue, 224


def _skin(root: Path, test: int, train: int) -> Iterable[Job]:
    rows = []
    for code, tissue in SKIN.items():
        for part, count in (("Test", test), ("Train", train)):
            for n in range(count):
                file = f"data/tiles-v2/{part}/{code}_{n:04d}.jpg"
                rows.append(
                    {
                        "file": file,
                        "malignicy": "tumor" if code.startswith("tumor") else "nontumor",
                        "class": code,
                        "set": part,
                    }
                )
                yield root / file, tissue, 395
    root.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(root / "tiles-v2.csv", index=False)


def _sicap(root: Path, test: int, train: int) -> Iterable[Job]:
    for part, count in (("Test", test), ("Train", train)):
        rows = []
        for code, tissue in SICAP.items():
            for n in range(count):
                name = f"demo_{part}_{code}_{n:04d}.jpg"
                rows.append({"image_name": name, **{label: int(label == code) for label in SICAP}, "G4C": 0})
                yield root / "images" / name, tissue, 512
        sheet = root / "partition" / "Test" / f"{part}.xlsx"
        sheet.parent.mkdir(parents=True, exist_ok=True)
        _write_sheet(sheet, pd.DataFrame(rows))


def _write_sheet(path: Path, table: pd.DataFrame) -> None:
    """Write an Excel sheet whose bytes hold no time of writing."""
    import openpyxl

    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = datetime.datetime(2000, 1, 1)
    for row in [list(table.columns), *table.to_numpy().tolist()]:
        book.active.append(row)
    rough = path.with_suffix(".rough")
    book.save(rough)
    with zipfile.ZipFile(rough) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2000-01-01T00:00:00Z", data)
            target.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), data)
    rough.unlink()


def _lung(root: Path, count: int) -> Iterable[Job]:
    for code, tissue in LUNG.items():
        for n in range(count):
            yield root / "lung_image_sets" / code / f"{code}{n + 1}.jpeg", tissue, 768


def _arch(root: Path, count: int, seed: int) -> Iterable[Job]:
    """Captioned images, with the same words as in the sources but other drawings."""
    rng = np.random.default_rng([557, seed])
    rows = []
    for number, tissue in enumerate(drawn() * count):
        file = f"images/{number:04d}.jpg"
        rows.append({"image_path": file, "caption": caption(tissue, rng), "ids": number})
        yield root / file, tissue, 420
    root.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(root / "arch.csv", index=False)
