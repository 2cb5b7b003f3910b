"""Files that shape a run and may come from somebody else: parameters, protocols, test sets, labels and models."""

import io
import tarfile

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from hostile import as_json, damaged, deep, nearly, tables, texts, written
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from ruamel.yaml import YAML
from safetensors.torch import save

from stages.common.data.tars import shard_samples
from stages.common.evalsets.protocol import Evalset, load_protocol, read_evalset
from stages.common.models.checkpoint import learned_activation, read_tensors
from stages.common.stage.params import load_all_params
from stages.frame_filter.labels import read_labels
from stages.lexicon.vocabularies import umls
from stages.magnification.tissue import read_tissue
from stages.quiltnet.checkpoints import Checkpoints

PARAMS = (ROOT / "params.yaml").read_bytes()
TREE = YAML(typ="safe").load(PARAMS)
PROTOCOL = {
    "name": "x",
    "templates": ["{c}"],
    "metric": "accuracy",
    "averaging": "sets",
    "transform": "model",
    "missing": "skip",
    "evalsets": {"s": {"loader": "table", "root": "s", "sub_pathology": "Renal", "classes": {"a": "A", "b": "B"}}},
}
YAMLS = (
    b"a: &x [1, 1]\nb: &y [*x, *x, *x]\nc: &z [*y, *y, *y]\nd: [*z, *z]\n",
    b"a: 2001-99-99\n",
    b"a: !!python/object/apply:os.system ['touch x']\n",
    b"? {a: 1}\n: 2\n",
    b"a: 1\na: 2\n",
    b"<<: [*x]\n",
    b"a: !!int x\n",
    b"a: 1_0:99\n",
)
IMAGE = written(lambda buffer: Image.new("RGB", (8, 8), "purple").save(buffer, "PNG"))
PLACES = st.sampled_from(["0.png", "images/0.png", "../0.png", "/etc/passwd", "0", "a 0.png", ".", "\0"])


@given(st.one_of(nearly(TREE, *TREE).map(as_json), damaged(PARAMS), damaged(*YAMLS), deep("["), deep("{a: ")))
def test_params(fuzz, data):
    fuzz(lambda folder: load_all_params(folder / "params.yaml"), {"params.yaml": data})


@given(
    st.one_of(nearly(PROTOCOL, *PROTOCOL, "extends").map(as_json), damaged(as_json(PROTOCOL), *YAMLS), deep("[")),
    st.one_of(nearly(PROTOCOL | {"extends": "a.yaml"}, *PROTOCOL).map(as_json), st.just(b"extends: b.yaml\n")),
)
def test_protocols(fuzz, data, other):
    fuzz(lambda folder: load_protocol(str(folder / "b.yaml")), {"a.yaml": data, "b.yaml": other})


def sheets(columns, rows):
    return written(lambda buffer: pd.DataFrame(rows, columns=columns).to_excel(buffer, index=False))


def hdf5(name, values):
    def write(buffer):
        with h5py.File(buffer, "w") as file:
            file[name] = values

    return written(write)


def listed(*columns):
    """Tables of the makers with some of their cells replaced."""
    rows = st.lists(
        st.tuples(
            PLACES, *[st.one_of(st.sampled_from(["a", "b", "train", "test", "Test"]), texts)] * (len(columns) - 1)
        )
    )
    made = rows.map(
        lambda found: pd.DataFrame(found, columns=columns).to_csv(index=False).encode("utf-8", "surrogatepass")
    )
    return st.one_of(made, tables(*columns))


CAPTIONS = {"0": {"caption": "Nests", "uuid": "0"}, "1": {"caption": "Glands", "uuid": "1"}}
PCAM = {
    f"camelyonpatch_level_2_split_{part}_{kind}.h5": hdf5(kind, values)
    for part in ("train", "valid", "test")
    for kind, values in (("x", np.zeros((2, 4, 4, 3), np.uint8)), ("y", np.array([0, 1]).reshape(2, 1, 1, 1)))
}
SICAP = sheets(["image_name", "NC", "G3", "G4", "G5"], [["0.png", 1, 0, 0, 0]])
OFFICIAL = {
    "table": ("evalset.csv", listed("image", "label", "text", "split", "group"), {}),
    "mhist": ("annotations.csv", listed("Image Name", "Majority Vote Label", "Partition"), {}),
    "osteo": ("ML_Features_1144.csv", listed("image.name", "classification"), {}),
    "skin_cancer": ("tiles-v2.csv", listed("file", "class", "set", "malignicy"), {}),
    "skin_tumor": ("tiles-v2.csv", listed("file", "class", "set", "malignicy"), {}),
    "sicapv2": ("partition/Test/Train.xlsx", damaged(SICAP), {"partition/Test/Test.xlsx": SICAP}),
    "pcam": ("camelyonpatch_level_2_split_test_y.h5", damaged(PCAM["camelyonpatch_level_2_split_test_y.h5"]), PCAM),
    "arch": (
        "books_set/captions.json",
        st.one_of(nearly(CAPTIONS, "caption", "uuid").map(as_json), damaged(as_json(CAPTIONS)), deep("[")),
        {
            "books_set/images/0.png": IMAGE,
            "pubmed_set/images/1.png": IMAGE,
            "pubmed_set/captions.json": as_json(CAPTIONS),
        },
    ),
}


@pytest.mark.parametrize("loader", OFFICIAL)
def test_test_sets(fuzz, loader):
    name, listings, others = OFFICIAL[loader]
    classes = {} if loader == "arch" else {"a": "A", "b": "B"}
    evalset = Evalset(
        loader=loader, root="s", sub_pathology="Renal", classes=classes, left_out=["0", "1", "NC"], split="all"
    )
    there = {"0.png": IMAGE, "images/0.png": IMAGE, "../0.png": IMAGE} | others

    @given(listings)
    def check(data):
        files = {f"s/{path}": content for path, content in (there | {name: data}).items()}
        fuzz(lambda folder: read_evalset(folder, "x", evalset, whole=False).path.str.len().tolist(), files)

    check()


@given(listed("file", "label", "source", "speaker"))
def test_labelled_frames(fuzz, data):
    fuzz(lambda folder: len(read_labels(folder)[1]), {"labels.csv": data, "0.png": IMAGE})


@given(listed("file", "source", "um_per_pixel"))
def test_tissue_of_known_scale(fuzz, data):
    fuzz(lambda folder: len(read_tissue(folder)), {"scales.csv": data, "0.png": IMAGE})


@given(st.one_of(damaged(("C1|ENG|" + "|" * 12 + "name|1|N|\n").encode() * 2)), damaged(b"C1|T1|x|Cell|\n"))
def test_umls(fuzz, names, kinds):
    fuzz(lambda folder: list(umls(folder)), {"MRCONSO.RRF": names, "MRSTY.RRF": kinds})


def saved(value, **how):
    return written(lambda buffer: torch.save(value, buffer, **how))


class Payload:
    """What a hostile pickle runs."""

    def __reduce__(self):
        return (__import__("os").system, ("touch x",))


TENSORS = {"logit_scale": torch.ones(()), "visual.proj": torch.ones(2, 2)}
CHECKPOINTS = {
    "x.pt": [
        saved({"state_dict": TENSORS, "epoch": 1}),
        saved(TENSORS, _use_new_zipfile_serialization=False),
        saved(Payload()),
    ],
    "x.safetensors": [save(TENSORS)],
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoints(fuzz, name):
    @given(damaged(*CHECKPOINTS[name]))
    def check(data):
        fuzz(lambda folder: {key: value.shape for key, value in read_tensors(folder / name).items()}, {name: data})

    check()


@given(damaged(*CHECKPOINTS["x.pt"]))
def test_what_a_training_resumes_from(fuzz, data):
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters())
    fuzz(lambda folder: Checkpoints(folder, "k").load(model, optimizer, "cpu"), {"latest.pt": data})


@given(
    st.one_of(
        nearly({"model_type": "clip", "vision_config": {"hidden_act": "gelu"}}, "vision_config").map(as_json), deep("[")
    )
)
def test_configurations_of_models(fuzz, data):
    fuzz(learned_activation, {"config.json": data})


def shard(buffer):
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in (("0.jpg", IMAGE), ("0.txt", b"Nests"), ("0.json", b"{}")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@given(damaged(written(shard)))
def test_shards(fuzz, data):
    fuzz(lambda folder: list(shard_samples(folder / "x.tar", ("txt", "json"), "run it again")), {"x.tar": data})
