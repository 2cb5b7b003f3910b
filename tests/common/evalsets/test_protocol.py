"""Evalsets in their official forms, small, and protocols right and wrong."""

import io
import json

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

from stages.common.data.references import ImageReader
from stages.common.errors import StageError
from stages.common.evalsets.loaders import LOADERS
from stages.common.evalsets.protocol import (
    BESIDE_MODELS,
    BESIDE_SETS,
    Evalset,
    load_protocol,
    read_evalset,
    read_protocol,
)

QUILT = load_protocol(str(ROOT / "protocols/quilt.yaml"))


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def csv(path, columns, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)


def read(folder, name, **changes):
    """(file name, label, split) of an evalset of the paper's protocol."""
    evalset = QUILT.evalsets[name].model_copy(update=changes)
    table = read_evalset(folder, name, evalset)
    return [(path.rsplit("/", 1)[-1], *rest) for path, *rest in table[["path", "label", "split"]].to_numpy().tolist()]


def classes(**labels):
    return {"classes": labels}


def test_the_papers_protocol_names_thirteen_sets_and_every_loader_is_used():
    assert len(QUILT.evalsets) == 13
    assert {one.loader for one in QUILT.evalsets.values()} | {"table"} == set(LOADERS)
    assert sum(len(one.classes) for one in QUILT.evalsets.values()) == 2 + 8 + 3 + 2 + 2 + 4 + 3 + 4 + 3 + 5 + 16 + 4
    for one in QUILT.evalsets.values():
        assert len(set(one.classes.values())) == len(one.classes)
        assert one.source


def test_nct_crc_learns_from_one_folder_is_tested_on_another_and_leaves_background_out(tmp_path):
    files = ("CRC-VAL-HE-7K/ADI/a.tif", "CRC-VAL-HE-7K/BACK/b.tif", "NCT-CRC-HE-100K/LYM/c.tif")
    touch(tmp_path / "nct_crc", *files)
    found = read(tmp_path, "nct_crc", **classes(ADI="adipose", LYM="lymphocytes"))
    assert found == [("a.tif", 0, "test"), ("b.tif", -1, "test"), ("c.tif", 1, "train")]


def test_pcam_reads_images_and_labels_from_hdf5(tmp_path):
    (tmp_path / "pcam").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (6, 96, 96, 3), dtype=np.uint8)
    for number, part in enumerate(("train", "valid", "test")):
        for name, values in (("x", pixels[2 * number :][:2]), ("y", np.array([0, 1]).reshape(2, 1, 1, 1))):
            with h5py.File(tmp_path / f"pcam/camelyonpatch_level_2_split_{part}_{name}.h5", "w") as file:
                file[name] = values
    table = read_evalset(tmp_path, "pcam", QUILT.evalsets["pcam"])
    assert sorted(table.groupby("split").label.apply(list).items()) == [
        ("test", [0, 1]),
        ("train", [0, 1]),
        ("validation", [0, 1]),
    ]
    last = table[table.split == "test"].path.iloc[1]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(ImageReader().read(last)))), pixels[5])
    with h5py.File(tmp_path / "pcam/camelyonpatch_level_2_split_test_y.h5", "w") as file:
        file["y"] = np.zeros((5, 1, 1, 1))
    with pytest.raises(StageError, match="split_test_y.h5 has 5 labels for 2 images"):
        read(tmp_path, "pcam")
    (tmp_path / "pcam/camelyonpatch_level_2_split_valid_x.h5").unlink()
    with pytest.raises(StageError, match="split_valid_x.h5 not found"):
        read(tmp_path, "pcam")


def test_mhist_reads_annotations(tmp_path):
    columns = ["Image Name", "Majority Vote Label", "Number of Annotators who Selected SSA (Out of 7)", "Partition"]
    rows = (["MHIST_aaa.png", "SSA", 6, "train"], ["MHIST_aab.png", "HP", 1, "test"])
    csv(tmp_path / "mhist/annotations.csv", columns, *rows)
    touch(tmp_path / "mhist/images", *(name for name, *_ in rows))
    assert read(tmp_path, "mhist") == [("MHIST_aaa.png", 1, "train"), ("MHIST_aab.png", 0, "test")]


def test_sicapv2_reads_the_partitions_and_ignores_g4c(tmp_path):
    (tmp_path / "sicapv2/partition/Test").mkdir(parents=True)
    rows = {"Train": [["a.jpg", 1, 0, 0, 0, 0], ["c.jpg", 0, 1, 0, 0, 0]], "Test": [["b.jpg", 0, 0, 1, 0, 1]]}
    rows["Test"].append(["d.jpg", 0, 0, 0, 1, 0])
    for split, own in rows.items():
        table = pd.DataFrame(own, columns=["image_name", "NC", "G3", "G4", "G5", "G4C"])
        table.to_excel(tmp_path / f"sicapv2/partition/Test/{split}.xlsx", index=False)
    touch(tmp_path / "sicapv2/images", *(f"{name}.jpg" for name in "abcd"))
    found = [("a.jpg", 0, "train"), ("b.jpg", 2, "test"), ("c.jpg", 1, "train"), ("d.jpg", 3, "test")]
    assert read(tmp_path, "sicapv2") == found


@pytest.mark.parametrize("column", ["image_name", "image.name"])
def test_osteo_finds_files_by_their_hyphens_and_leaves_mixed_tiles_out(tmp_path, column):
    rows = (
        ["Case 3 - A10-28044-10464", "Non-Tumor"],
        ["Case-48-P5 C10-1000.jpg", "Viable"],
        ["Case 4 - B2-2", "Non-Viable-Tumor"],
        ["Case 4 - B2-3", "viable: non-viable"],
    )
    csv(tmp_path / "osteosarcoma/ML_Features_1144.csv", [column, "classification"], *rows)
    names = ("Case-3-A10-28044-10464.jpg", "Case-48-P5-C10-1000-(1).jpg", "Case-4-B2-2.jpg", "Case-4-B2-3.jpg")
    touch(tmp_path / "osteosarcoma", *(f"Training-Set-1/set{n}/{name}" for n, name in enumerate(names)))
    assert sorted(read(tmp_path, "osteo")) == sorted(
        [(names[0], 0, ""), (names[1], 2, ""), (names[2], 1, ""), (names[3], -1, "")]
    )
    (tmp_path / f"osteosarcoma/Training-Set-1/set2/{names[2]}").unlink()
    with pytest.raises(StageError, match=r"is called Case-4-B2-2\*"):
        read(tmp_path, "osteo")


def test_skin_tumor_is_the_tumours_of_skin_cancer(tmp_path):
    rows = [
        ["x.jpg", "tumor", "tumor_skin_epithelial_bcc", "Validation"],
        ["y.jpg", "nontumor", "nontumor_skin_nerves_nerves", "Test"],
        ["z.jpg", "tumor", "tumor_skin_naevus_naevus", "Test"],
    ]
    csv(tmp_path / "skin_cancer/tiles-v2.csv", ["file", "malignicy", "class", "set"], *rows)
    touch(tmp_path / "skin_cancer", "x.jpg", "y.jpg", "z.jpg")
    tumours = classes(tumor_skin_epithelial_bcc="b", tumor_skin_naevus_naevus="n")
    assert read(tmp_path, "skin_tumor", **tumours) == [("x.jpg", 0, "validation"), ("z.jpg", 1, "test")]
    everything = classes(**tumours["classes"], nontumor_skin_nerves_nerves="nerves")
    assert read(tmp_path, "skin_cancer", **everything)[1] == ("y.jpg", 2, "test")


@pytest.mark.parametrize("name", ["lc25000_lung", "lc25000_colon", "bach", "renal_cell"])
def test_folders_are_classes_at_any_depth(tmp_path, name):
    evalset = QUILT.evalsets[name]
    touch(tmp_path / evalset.root, *(f"{code}/40x/{code} 1.tif" for code in evalset.classes))
    assert [label for _, label, _ in read(tmp_path, name)] == list(range(len(evalset.classes)))
    (tmp_path / evalset.root / "extra").mkdir()
    with pytest.raises(StageError, match="extra holds no image"):
        read(tmp_path, name)
    touch(tmp_path / evalset.root, "extra/a.png")
    with pytest.raises(StageError, match=f"evalset {name}: label 'extra' of the files is neither in its classes"):
        read(tmp_path, name)


def test_arch_and_a_table_of_pairs_have_texts(tmp_path):
    csv(tmp_path / "arch/arch.csv", ["image_path", "caption", "ids"], ["b/1.png", "two", 1], ["b/1.png", "one", 0])
    touch(tmp_path / "arch", "b/1.png")
    table = read_evalset(tmp_path, "arch", QUILT.evalsets["arch"])
    assert table[["path", "text", "label"]].to_numpy().tolist() == [
        [f"{tmp_path.as_posix()}/arch/b/1.png", "one", -1],
        [f"{tmp_path.as_posix()}/arch/b/1.png", "two", -1],
    ]


def test_a_users_own_table_has_splits_and_institutions(tmp_path):
    mine = Evalset(loader="table", root="mine", sub_pathology="skin", institution="ours", classes={"0": "a", "1": "b"})
    touch(tmp_path / "mine", "a.png", "b.png")
    csv(tmp_path / "mine/evalset.csv", ["image", "label", "split"], ["a.png", 1, "train"], ["b.png", 0, "test"])
    assert set(read_evalset(tmp_path, "mine", mine).institution) == {"ours"}
    csv(tmp_path / "mine/evalset.csv", ["image", "label", "institution"], ["a.png", 1, "north"], ["b.png", 0, "south"])
    assert read_evalset(tmp_path, "mine", mine).institution.tolist() == ["north", "south"]
    csv(tmp_path / "mine/evalset.csv", ["image", "label", "split"], ["a.png", 1, "learn"], ["b.png", 0, "test"])
    with pytest.raises(StageError, match="evalset mine: split 'learn' is none of train"):
        read_evalset(tmp_path, "mine", mine)
    csv(tmp_path / "mine/evalset.csv", ["image"], ["a.png"])
    with pytest.raises(StageError, match="column 'label' .* is missing"):
        read_evalset(tmp_path, "mine", mine)


def test_a_class_without_images_is_named(tmp_path):
    touch(tmp_path / "ICIAR2018_BACH_Challenge/Photos", "Benign/1.tif")
    with pytest.raises(StageError, match="evalset bach: no image below .* has the label 'InSitu'"):
        read(tmp_path, "bach")


def test_a_missing_set_says_where_to_get_it_or_is_skipped_if_the_protocol_says_so(tmp_path):
    (tmp_path / "quilt.yaml").write_text((ROOT / "protocols/quilt.yaml").read_text())
    assert read_protocol(str(tmp_path / "quilt.yaml"), str(tmp_path))[1] == {}
    (tmp_path / "strict.yaml").write_text("extends: quilt.yaml\nmissing: fail\n")
    with pytest.raises(StageError, match="evalset .*pcam not found: get it from github.com/basveeling/pcam, or write"):
        read_protocol(str(tmp_path / "strict.yaml"), str(tmp_path))


@pytest.mark.parametrize("name", ["demo", "demo_plain", "quilt", "plain"])
def test_protocols_are_whole_and_differ(name):
    protocol = load_protocol(str(ROOT / "protocols" / f"{name}.yaml"))
    assert protocol.name == name
    assert (len(protocol.templates) == 1) == name.endswith("plain")
    assert ("BACK" in protocol.evalsets["nct_crc"].classes) == name.endswith("plain")
    assert (protocol.digest == QUILT.digest) == (name == "quilt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("templates: []", "templates: List should have at least 1 item"),
        ("templates: [a slide]", "templates.0: 'a slide' lacks {c}"),
        ("metric: f1", "metric: Input should be"),
        ("evalsets: {pcam: {loader: zip}}", "evalsets.pcam.loader: there is no 'zip'"),
        ("evalsets: {pcam: {organ: x}}", "evalsets.pcam.organ: Extra inputs"),
        ("evalsets: {pcam: {root: null}}", "evalsets.pcam.root: Field required"),
        ("templates: [", "not valid YAML"),
        ("- 1", "must hold a protocol"),
    ],
)
def test_a_protocol_that_is_wrong_names_the_key(tmp_path, text, message):
    (tmp_path / "quilt.yaml").write_text((ROOT / "protocols/quilt.yaml").read_text())
    (tmp_path / "p.yaml").write_text(text if text[0] == "-" else f"extends: quilt.yaml\n{text}\n")
    with pytest.raises(StageError, match=message.replace("[", r"\[")):
        load_protocol(str(tmp_path / "p.yaml"))
    with pytest.raises(StageError, match="see protocols/"):
        load_protocol(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("name", [*BESIDE_SETS, "below/another"])
def test_a_set_cannot_be_called_as_something_else_in_the_metrics(tmp_path, name):
    tree = {"extends": str(ROOT / "protocols/demo.yaml"), "evalsets": {name: QUILT.evalsets["pcam"].model_dump()}}
    (tmp_path / "mine.yaml").write_text(json.dumps(tree))
    with pytest.raises(StageError, match=rf"mine.yaml: evalsets.{name}: no set can be called '{name}'"):
        load_protocol(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize("task", ["zero_shot", "linear_probe", "retrieval"])
def test_every_key_beside_the_names_of_sets_and_models_is_reserved(task):
    """As the metrics of the last run have them."""
    metrics = json.loads((ROOT / "reports/metrics.json").read_text())[task]
    sets = set(load_protocol(str(ROOT / "protocols/demo.yaml")).evalsets)
    models = {"start", "tuned"}
    assert set(metrics) - models <= set(BESIDE_MODELS)
    for one in (*(metrics[model] for model in models), *metrics.get("difference", {}).values()):
        assert set(one) - sets <= set(BESIDE_SETS)
    for readers in metrics.get("readers", {}).values():
        assert all(set(facts) - models <= set(BESIDE_MODELS) for facts in readers.values())


def test_labels_of_a_protocol_are_words_and_numbers_as_they_are_written(tmp_path):
    own = "evalsets:\n  ours: {loader: table, root: ours, sub_pathology: skin, classes: {NO: no, ON: off, 1: one}}\n"
    (tmp_path / "own.yaml").write_text(f"extends: {ROOT}/protocols/quilt.yaml\nname: 2024\n{own}")
    protocol = load_protocol(str(tmp_path / "own.yaml"))
    assert protocol.name == "2024"
    assert protocol.evalsets["ours"].classes == {"NO": "no", "ON": "off", "1": "one"}


@pytest.mark.parametrize("content", [b"a: [1", b"\xff\xfe", b"a: 1\na: 2\n"])
def test_a_protocol_that_is_no_yaml_is_one_line(tmp_path, content):
    (tmp_path / "own.yaml").write_bytes(content)
    with pytest.raises(StageError, match="own.yaml is not valid YAML: [^\n]+$"):
        load_protocol(str(tmp_path / "own.yaml"))


def test_the_name_of_another_protocol_is_not_taken_over(tmp_path):
    (tmp_path / "ours.yaml").write_text(f"extends: {ROOT}/protocols/quilt.yaml\ntemplates: ['{{c}}']\n")
    assert load_protocol(str(tmp_path / "ours.yaml")).name == "ours"
    assert load_protocol(str(ROOT / "protocols/plip.yaml")).name == "plip"
