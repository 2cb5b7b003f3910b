"""Four evalsets in the on-disk forms of the sets the paper tests on, filled with drawn tissue of seeds of their own."""

import datetime
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image

from stages.common.files import jpeg
from stages.demo.tissue import paint

COUNTS = {"small": (12, 16), "tiny": (4, 6)}  # test and training images a class
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
    """Write nct_crc, skin_cancer, sicapv2 and lc25000_lung below `out`."""
    test, train = COUNTS[size]
    work = [*_nct(out / "nct_crc", test, train), *_skin(out / "skin_cancer", test, train)]
    work += [*_sicap(out / "sicapv2", test, train), *_lung(out / "lc25000_lung", test + train)]
    Parallel(n_jobs=jobs)(delayed(_draw)(*job, seed) for job in work)
    return {"items": len(work)}


def _draw(path: Path, tissue: str, side: int, seed: int) -> None:
    """Draw one tile. The leading 991 keeps these seeds apart from those of videos, frames and exports."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([991, seed, *"/".join(path.parts[-3:]).encode()])
    tile = field_of(tissue, side, rng, zooms=(0.8, 1.25))
    if path.suffix == ".tif":
        Image.fromarray(tile).save(path)
    else:
        path.write_bytes(jpeg(Image.fromarray(tile)))


def field_of(tissue: str, side: int, rng: np.random.Generator, zooms: tuple[float, float]) -> NDArray[np.uint8]:
    """A square tile of drawn `tissue` (blank glass where it is ""), `side` pixels wide, at a random zoom around 20x."""
    if not tissue:
        return np.full((side, side, 3), 242, np.uint8) + rng.integers(0, 6, (side, side, 1), dtype=np.uint8)
    scale = float(rng.uniform(*zooms))
    wide = int(max(side * scale, 224 * scale)) + 80
    slide = paint(tissue, wide, wide, rng)
    corner = rng.integers(0, 80, 2)
    part = slide[corner[0] : corner[0] + wide - 80, corner[1] : corner[1] + wide - 80]
    turned = np.ascontiguousarray(np.rot90(part, int(rng.integers(4))) if tissue != "epidermis" else part)
    return cv2.resize(turned, (side, side), interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)


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
