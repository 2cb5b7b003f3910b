"""A model that trains in seconds, and shards to train it on."""

import json
import os
import subprocess

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from warm import warm

from stages.common.data.files import jpeg, read_yaml
from stages.common.data.tars import write_tar
from stages.common.models.device import pick_device
from stages.demo.tissue import paint
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.train import Places, train

DEVICE = pick_device(os.environ.get("DEVICE", "cpu"))  # DEVICE=cuda runs the tests of training and embedding on a GPU
WORDS = {
    "adipose": "adipose tissue",
    "lymphocytes": "dense lymphocytes",
    "smooth_muscle": "smooth muscle",
    "naevus": "a naevus",
}
TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "resize_mode": "shortest"},
}


def sample(key, text, rng, tissue):
    texts = [text, f"microscopy of {text}"]
    record = {"texts": texts, "pair_ids": [f"{key}_0", f"{key}_1"], "text_groups": texts, "source": "quilt"}
    return {
        f"{key}.jpg": jpeg(Image.fromarray(paint(tissue, 160, 160, rng))),
        f"{key}.txt": text.encode(),
        f"{key}.json": json.dumps(record).encode(),
    }


@pytest.fixture(scope="session")
def shards(tmp_path_factory):
    """24 images of four tissues to learn from in three shards, 8 to validate on, with two texts each."""
    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(0)
    for split, numbers, parts in (("train", range(6), 3), ("val", range(6, 8), 1)):
        samples = [(f"{tissue}{n}", text, rng, tissue) for n in numbers for tissue, text in WORDS.items()]
        for number in range(parts):
            members = {}
            for one in samples[number::parts]:
                members |= sample(*one)
            write_tar(folder / f"{split}-{number:06d}.tar", members)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The config of a small ViT without dropout."""
    path = tmp_path_factory.mktemp("model") / "tiny.json"
    path.write_text(json.dumps(TINY))
    return path


@pytest.fixture(scope="session")
def with_batch_norm(tmp_path_factory):
    """The config of a small ResNet."""
    path = tmp_path_factory.mktemp("resnet") / "resnet.json"
    image = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 8}
    path.write_text(json.dumps(TINY | {"vision_cfg": image}))
    return str(path)


@pytest.fixture
def quick(stage_params, tiny):
    """Parameters of a run of 6 steps with that model; overrides by name."""

    def make(**changes):
        small = {"model": str(tiny), "start": "none", "lock_text": False, "batch_size": 8, "epochs": 2, "warmup": 1}
        small |= {"workers": 0, "log_steps": 1, "lr": 1e-3}
        return stage_params("quiltnet", **small | changes)

    return make


@pytest.fixture
def places(shards, tmp_path):
    """Where a run called `name` puts what it makes."""

    def make(name="run", data=None):
        home = tmp_path / name
        return Places(
            data or shards,
            home / "model",
            home / "state",
            home / "m.json",
            home / "curve.csv",
            home / "live" / "quiltnet",
        )

    return make


@pytest.fixture
def tune(quick, places):
    """Train under a name, with overrides; returns its places."""

    def make(name="run", data=None, seed=0, **changes):
        where = places(name, data)
        train(quick(**changes), where, DistributedContext(0, 1, DEVICE), seed)
        return where

    return make


def in_scratch(folder, shards, tiny, **changes):
    """Return what starts the stage as DVC does, in a folder of its own."""
    tree = read_yaml(ROOT / "params.yaml")
    tree["base"]["device"] = "cpu"
    tree["quiltnet"] |= {"model": str(tiny), "start": "none", "lock_text": False, "batch_size": 8, "warmup": 1}
    tree["quiltnet"] |= {"workers": 0, "log_steps": 1, "save_steps": 1, "lr": 1e-3} | changes
    (folder / "data").mkdir(parents=True)
    (folder / "params.yaml").write_text(json.dumps(tree))
    (folder / "data/dataset").symlink_to(shards)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    python = warm().folder / "python"

    def start(*launcher):
        command = [python, *launcher, *([python] if launcher else []), "-m", "stages.quiltnet"]
        return subprocess.Popen(command, cwd=folder, env=env, **pipes)

    return start


def nodes(per_node, count):
    """Arguments that start each node's part of a run, as torchrun takes them."""
    module = ("-m", "torch.distributed.run", "--no-python", "--nproc-per-node", str(per_node), "--master-port", "29631")
    return [(*module, "--nnodes", str(count), "--node-rank", str(n)) for n in range(count)]
