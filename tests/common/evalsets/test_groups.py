"""Patients and slides of the paper's test sets, from the files as their makers publish them."""

import re

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from stages.common.errors import StageError
from stages.common.evalsets.loaders import pcam
from stages.common.evalsets.protocol import load_protocol


@pytest.mark.parametrize(
    ("name", "path", "group"),
    [
        ("sicapv2", "images/16B0001851_Block_Region_2_0_1_xini_7827_yini_59786.jpg", "16B0001851"),
        ("databiox", "Grade2/10x/BC_IDC_Grade_2_31_10_004521_.JPG", "2_31"),
        ("databiox", "BC_IDC_Grade_2/10x/11_BC_G2_9500_10x_1.JPG", "2_9500"),  # as the makers' archive has it
        ("osteo", "Training-Set-1/set1/Case-48-P5-C16-46582-11456.jpg", "Case-48"),
        ("osteo", "Training-Set-2/set3/P9-B1-R2-88-15280.jpg", "P9"),
        ("renal_cell", "cancer/TCGA-B0-4701-01Z_CancerTile 12.png", "TCGA-B0-4701-01Z"),
    ],
)
def test_names_tell_the_patient_or_the_slide(name, path, group):
    pattern = load_protocol(str(ROOT / "protocols/quilt.yaml")).evalsets[name].group
    assert re.search(pattern, path).group(1) == group


def camelyon(root, slides):
    for name in ("train", "valid", "test"):
        stem = f"camelyonpatch_level_2_split_{name}"
        with h5py.File(root / f"{stem}_x.h5", "w") as images, h5py.File(root / f"{stem}_y.h5", "w") as labels:
            images["x"] = np.zeros((3, 4, 4, 3), np.uint8)
            labels["y"] = np.array([0, 1, 1], np.uint8).reshape(-1, 1, 1, 1)
        if slides:
            pd.DataFrame({"coord_y": 0, "wsi": slides}).to_csv(root / f"{stem}_meta.csv")


def test_slides_of_patch_camelyon_come_from_its_tables(tmp_path):
    camelyon(tmp_path, [])
    assert {row["group"] for row in pcam(tmp_path)} == {""}
    camelyon(tmp_path, ["tumor_001", "tumor_001", "normal_7"])
    assert [row["group"] for row in pcam(tmp_path)] == 3 * ["tumor_001", "tumor_001", "normal_7"]
    (tmp_path / "pcamv1").mkdir()
    for path in tmp_path.glob("*.*"):
        path.rename(tmp_path / "pcamv1" / path.name)
    assert [row["group"] for row in pcam(tmp_path)] == 3 * ["tumor_001", "tumor_001", "normal_7"]
    camelyon(tmp_path, ["tumor_001"])
    with pytest.raises(StageError, match="_meta.csv has 1 rows for 3 images"):
        list(pcam(tmp_path))
