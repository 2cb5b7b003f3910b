"""The thirteen sets of the paper's protocol as their makers publish them, with what unpacking leaves beside them."""

import gzip
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from stages.common.errors import StageError
from stages.common.evalsets.protocol import load_protocol, read_evalset, read_sets

QUILT = load_protocol(str(ROOT / "protocols/quilt.yaml"))
SKIN = QUILT.evalsets["skin_cancer"].classes
PARTS = ("train", "valid", "test")
FOLDERS = {  # (folder of a set in classes, endings of their images)
    "lc25000_lung": ("lung_colon_image_set/lung_image_sets", ".jpeg"),
    "lc25000_colon": ("lung_colon_image_set/colon_image_sets", ".jpeg"),
    "bach": ("ICIAR2018_BACH_Challenge/Photos", ".tif"),
    "renal_cell": ("renal_cell/tissue_classification", ".png"),
}


def put(path):
    """An image, and what macOS leaves beside it; returns its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"an image")
    path.with_name(f"._{path.name}").write_bytes(b"Mac OS X")
    return path.name


def pcam(folder):
    rows = []
    for number, part in enumerate(PARTS):
        for kind, values in (("x", np.zeros((3, 4, 4, 3), np.uint8)), ("y", np.array([0, 1, number % 2]))):
            with h5py.File(folder / f"camelyonpatch_level_2_split_{part}_{kind}.h5", "w") as file:
                file[kind] = values.reshape(3, 1, 1, 1) if kind == "y" else values
        split = {"valid": "validation"}.get(part, part)
        rows += [(f"camelyonpatch_level_2_split_{part}_x.h5#{n}", y, split) for n, y in enumerate((0, 1, number % 2))]
    return rows


def nct_crc(folder):
    codes = ["ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM"]
    labels = [0, -1, 1, 2, 3, 4, 5, 6, 7]
    return [
        (put(folder / part / code / f"{code}-{part[:3]}.tif"), label, split)
        for part, split in (("NCT-CRC-HE-100K", "train"), ("CRC-VAL-HE-7K", "test"))
        for code, label in zip(codes, labels, strict=True)
    ]


def in_folders(name, folder):
    where, ending = FOLDERS[name]
    codes = [*QUILT.evalsets[name].classes, *QUILT.evalsets[name].left_out]
    place = folder.parent / where
    rows = [(put(place / code / f"{code} {n}{ending}"), code) for code in codes for n in range(2)]
    (place / "microscopy_ground_truth.csv").write_text("b001.tif,Benign\n")
    return [(image, -1 if code in QUILT.evalsets[name].left_out else codes.index(code), "") for image, code in rows]


def mhist(folder):
    parts = [("MHIST_a.png", "HP", "train"), ("MHIST_b.png", "SSA", "test"), ("MHIST_c.png", "HP", "test")]
    rows = [{"Image Name": name, "Majority Vote Label": code, "Partition": part} for name, code, part in parts]
    pd.DataFrame(rows).to_csv(folder / "annotations.csv", index=False)
    return [(put(folder / "images" / name), int(code == "SSA"), part) for name, code, part in parts]


def sicapv2(folder):
    found = []
    (folder / "partition/Test").mkdir(parents=True)
    for part in ("Train", "Test"):
        names = [f"16B_Block_{part}_xini_{n}.jpg" for n in range(4)]
        table = pd.DataFrame(np.eye(4, dtype=int), columns=["NC", "G3", "G4", "G5"])
        table.assign(G4C=0, image_name=names).to_excel(folder / f"partition/Test/{part}.xlsx", index=False)
        found += [(put(folder / "images" / name), n, part.lower()) for n, name in enumerate(names)]
        put(folder / "masks" / names[0].replace(".jpg", ".png"))
    return found


def databiox(folder):
    places = [f"Grade{g}/{m}" for g in (1, 2, 3) for m in ("4x", "40x")]
    return [
        (put(folder / place / f"7_BC_IDC_Grade_{place[5]}_{n}.JPG"), int(place[5]) - 1, "")
        for n, place in enumerate(places)
    ]


def osteo(folder):
    rows = ["Non-Tumor", "Non-Viable-Tumor", "Viable", "viable: non-viable"]
    names = [f"Case 3 - A{n} - 10{n} - 201" for n in range(4)]
    pd.DataFrame({"image.name": names, "classification": rows}).to_csv(folder / "ML_Features_1144.csv", index=False)
    labels = (0, 1, 2, -1)
    return [
        (put(folder / f"Training-Set-{n % 2 + 1}/set{n}" / f"{name.replace(' - ', '-').replace(' ', '-')}.jpg"), k, "")
        for n, (name, k) in enumerate(zip(names, labels, strict=True))
    ]


def skin_cancer(folder):
    found, rows = [], []
    for number, code in enumerate(SKIN):
        for part in ("Train", "Validation", "Test"):
            file = f"data/tiles/{code}/{code}_{part}.jpg"
            rows.append({"file": file, "class": code, "set": part, "malignicy": code.split("_")[0]})
            found.append((put(folder / file), number, part.lower()))
    pd.DataFrame(rows).to_csv(folder / "data/tiles-v2.csv", index=False)
    return found


def skin_tumor(folder):
    return [(name, label - 12, split) for name, label, split in skin_cancer(folder) if name.startswith("tumor")]


def arch(folder):
    found = []
    for part, ending in (("books_set", "png"), ("pubmed_set", "jpg")):
        entries = {str(n): {"caption": f"{part}, bag {n // 2}", "uuid": f"{part}-{n}"} for n in range(4)}
        for n, entry in entries.items():
            if (part, n) != ("books_set", "3"):  # a caption without its image
                put(folder / part / "images" / f"{entry['uuid']}.{ending}")
                found.append((f"{entry['uuid']}.{ending}", entry["caption"]))
        (folder / part / "captions.json").write_text(json.dumps(entries))
    return found


MAKERS = {one.__name__: one for one in (pcam, nct_crc, mhist, sicapv2, databiox, osteo, skin_cancer, skin_tumor, arch)}


def make(folder, name):
    """Write a set below `folder` as its makers have it; returns what is to be read of it."""
    place = folder / {"osteo": "osteosarcoma", "skin_tumor": "skin_cancer"}.get(name, name)
    place.mkdir(parents=True, exist_ok=True)
    put(folder / "__MACOSX" / "1.jpg")
    return in_folders(name, place) if name in FOLDERS else MAKERS[name](place)


def read(folder, name):
    table = read_evalset(folder, name, QUILT.evalsets[name])
    names = table.path.str.rsplit("/", n=1).str[-1]
    if name == "arch":
        return sorted(zip(names, table.text, strict=True))
    return sorted(zip(names, table.label, table.split, strict=True))


@pytest.mark.parametrize("name", QUILT.evalsets)
def test_every_set_is_read_as_it_is_published(tmp_path, name):
    expected = make(tmp_path, name)
    assert read(tmp_path, name) == sorted(expected)


@pytest.mark.parametrize("name", QUILT.evalsets)
def test_a_set_may_lie_in_the_folder_of_its_archive(tmp_path, name):
    expected = make(tmp_path, name)
    root = tmp_path / Path(QUILT.evalsets[name].root).parts[0]
    shutil.move(root, tmp_path / "unpacked")
    (root / "__MACOSX").mkdir(parents=True)
    put(root / "__MACOSX/tiles-v2.csv")
    shutil.move(tmp_path / "unpacked", root / "archive-v2")
    assert read(tmp_path, name) == sorted(expected)
    assert set(read_sets(QUILT, "quilt.yaml", str(tmp_path))[0]) >= {name}


def test_no_other_image_stands_in_for_one_that_is_missing(tmp_path):
    make(tmp_path, "osteo")
    path = tmp_path / "osteosarcoma/Training-Set-1/set2/Case-3-A2-102-201.jpg"
    path.rename(path.with_stem("Case-3-A2-102-2014"))
    with pytest.raises(StageError, match=r"called Case-3-A2-102-201\*"):
        read(tmp_path, "osteo")


def test_a_pattern_of_groups_that_fits_no_path_is_said(tmp_path, caplog):
    make(tmp_path, "bach")
    read_evalset(tmp_path, "bach", QUILT.evalsets["bach"].model_copy(update={"group": "^([0-9]+)_"}))
    assert "evalset bach: `group` finds none in any path" in caplog.text


@pytest.mark.parametrize(
    ("path", "grade"),
    [
        ("Grade 2/4x/a.jpg", 1),
        ("grade_3/a.jpg", 2),
        ("Grade III/a.JPG", 2),
        ("all grades/1_BC_IDC_Grade_1_2_4x.JPG", 0),
        ("grade-ii/a.png", 1),
    ],
)
def test_a_grade_is_read_however_it_is_spelled(tmp_path, path, grade):
    make(tmp_path, "databiox")
    put(tmp_path / "databiox/more" / path)
    assert (path.rsplit("/", 1)[-1], grade, "") in read(tmp_path, "databiox")
    put(tmp_path / "databiox/upgraded 1.png")
    with pytest.raises(StageError, match="upgraded 1.png: neither its name nor its folder's says the grade"):
        read(tmp_path, "databiox")


def test_renal_cells_folders_may_lie_beside_others_or_alone(tmp_path):
    expected = make(tmp_path, "renal_cell")
    put(tmp_path / "renal_cell/binary_lymphocytes/lymphocyte/1.png")
    assert read(tmp_path, "renal_cell") == sorted(expected)
    shutil.move(tmp_path / "renal_cell/tissue_classification", tmp_path / "moved")
    shutil.rmtree(tmp_path / "renal_cell")
    shutil.move(tmp_path / "moved", tmp_path / "renal_cell")
    assert read(tmp_path, "renal_cell") == sorted(expected)


BROKEN = {
    "pcam": ("pcam/camelyonpatch_level_2_split_valid_y.h5", "cannot be read"),
    "mhist": ("mhist/images/MHIST_b.png", "1 of 3 files that it lists are not there, the first is .*MHIST_b.png"),
    "sicapv2": ("sicapv2/partition/Test/Train.xlsx", "Train.xlsx cannot be read"),
    "osteo": ("osteosarcoma/Training-Set-1/set2/Case-3-A2-102-201.jpg", r"is called Case-3-A2-102-201\*"),
    "skin_cancer": (f"skin_cancer/data/tiles/{next(iter(SKIN))}/{next(iter(SKIN))}_Test.jpg", "1 of 48 files"),
    "arch": ("arch/books_set/captions.json", "captions.json is no JSON"),
    "nct_crc": ("nct_crc/CRC-VAL-HE-7K/ADI/ADI-CRC.tif", "ADI holds no image"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_set_is_one_line_and_the_others_are_read(tmp_path, name):
    for one in (name, "bach"):
        make(tmp_path, one)
    path, message = BROKEN[name]
    if path.endswith((".h5", ".xlsx", ".json")):
        (tmp_path / path).write_bytes((tmp_path / path).read_bytes()[:40])
    else:
        (tmp_path / path).unlink()
    tables, failed = read_sets(QUILT, "quilt.yaml", str(tmp_path))
    left = {"bach", "skin_tumor"} if name == "skin_cancer" else {"bach"}
    assert set(tables) == left
    assert set(failed) == {name}
    with pytest.raises(StageError, match=message) as error:
        read_sets(QUILT.model_copy(update={"missing": "fail", "evalsets": {name: QUILT.evalsets[name]}}), "", tmp_path)
    assert "\n" not in str(error.value)
    assert failed[name] == str(error.value)


def test_a_file_that_is_still_packed_is_named(tmp_path):
    make(tmp_path, "pcam")
    path = tmp_path / "pcam/camelyonpatch_level_2_split_train_x.h5"
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    with pytest.raises(StageError, match="train_x.h5 not found: unpack it: gunzip .*train_x.h5.gz"):
        read(tmp_path, "pcam")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1.png,x,test", "1.png,y,test", "2.png,y,test"], ".*1.png is listed with two labels or splits"),
        (["1.png,x,train", "1.png,x,test", "2.png,y,test"], ".*1.png is listed with two labels or splits"),
        (["1.png,x,test", "2.png,y,"], "1 images have no split, such as .*2.png"),
        (["1.png,x,train", "2.png,y,train"], r"no image below .* is on the side that is measured \(test\)"),
        (["1.png,x,test", "1.png,x,test", "2.png,y,test"], ""),
    ],
)
def test_an_image_of_a_table_has_one_label_and_one_side(tmp_path, rows, message):
    ours = QUILT.evalsets["bach"].model_copy(update={"loader": "table", "root": "", "classes": {"x": "a", "y": "b"}})
    (tmp_path / "evalset.csv").write_text("\n".join(["image,label,split", *rows]))
    for name in ("1.png", "2.png"):
        put(tmp_path / name)
    if message:
        with pytest.raises(StageError, match=f"evalset ours: {message}"):
            read_evalset(tmp_path, "ours", ours)
    else:
        assert read_evalset(tmp_path, "ours", ours).label.tolist() == [0, 1]


def test_a_split_that_nobody_knows_is_no_part_of_any(tmp_path):
    make(tmp_path, "skin_cancer")
    path = tmp_path / "skin_cancer/data/tiles-v2.csv"
    path.write_text(path.read_text().replace(",Validation,", ",Val,"))
    with pytest.raises(StageError, match="evalset skin_cancer: split 'Val' is none of"):
        read(tmp_path, "skin_cancer")
