"""Fine-tuning: repeatable, loadable by open_clip, and clear when it cannot go on."""

import json
import shutil

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from stages.common.clip import build, load, save
from stages.common.errors import StageError
from stages.common.files import jpeg, read_json, sha256, write_tar
from stages.demo.tissue import paint
from stages.quiltnet.data import Samples, count_samples
from stages.quiltnet.train import train

CONFIG = str(ROOT / "stages/quiltnet/configs/demo_towers.json")
WORDS = {
    "adipose": "adipose tissue",
    "lymphocytes": "dense lymphocytes",
    "smooth_muscle": "smooth muscle",
    "naevus": "a naevus",
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Two dozen images of four tissues, with two texts each."""
    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 2)):
        members = {}
        for n in range(count):
            for tissue, text in WORDS.items():
                key = f"{tissue}{n}"
                members[f"{key}.jpg"] = jpeg(Image.fromarray(paint(tissue, 160, 160, rng)))
                members[f"{key}.txt"] = text.encode()
                members[f"{key}.json"] = json.dumps({"texts": [text, f"microscopy of {text}"]}).encode()
        write_tar(folder / f"{split}-000000.tar", members)
    return folder


def block_of(params, **changes):
    return params("quiltnet", model=CONFIG, batch_size=8, **changes)


def test_an_epoch_sees_every_image_once_and_texts_are_drawn_anew(shards):
    seen = []
    for epoch in range(6):
        samples = Samples(shards, "train", lambda image: image.size[0], lambda text: [text], seed=0, epoch=epoch)
        rows = [
            samples.decode({"__key__": f"adipose{n}", "json": raw, "jpg": jpg})
            for n, (raw, jpg) in enumerate(pairs(shards))
        ]
        seen.append(tuple(text for _, text in rows))
    assert len(set(seen)) > 3
    assert {text for row in seen for text in row} == {"adipose tissue", "microscopy of adipose tissue"}
    assert count_samples(shards, "train") == 24


def pairs(shards):
    from stages.common.files import read_tar

    members = read_tar(shards / "train-000000.tar")
    return [(members[f"adipose{n}.json"], members[f"adipose{n}.jpg"]) for n in range(6)]


def test_a_missing_split_says_what_to_run(tmp_path):
    with pytest.raises(StageError, match=r"has no train-\*.tar: run `dvc repro dataset`"):
        Samples(tmp_path, "train", None, None, 0, 0)


def test_unknown_models_and_starts_are_one_line(params):
    with pytest.raises(StageError, match=r"quiltnet.model: nowhere.json not found"):
        build("nowhere.json", "towers", 0)
    with pytest.raises(StageError, match=r"quiltnet.model 'ViT-Z-99' with start 'none' cannot be had"):
        build("ViT-Z-99", "none", 0)


@pytest.mark.slow
def test_training_learns_repeats_and_saves_what_open_clip_loads(shards, tmp_path, params, monkeypatch):
    import open_clip
    import torch

    monkeypatch.chdir(tmp_path)
    weights = []
    for name in ("one", "two"):
        folder = tmp_path / "models" / name
        block = block_of(params, epochs=3, warmup=1)
        train(
            block,
            shards,
            folder.relative_to(tmp_path),
            tmp_path / f"{name}.json",
            tmp_path / f"{name}.csv",
            "cpu",
            seed=0,
        )
        weights.append(sha256(folder / "open_clip_model.safetensors"))
    assert weights[0] == weights[1]
    metrics = read_json(tmp_path / "one.json")
    losses = np.loadtxt(tmp_path / "one.csv", delimiter=",", skiprows=1)
    assert losses[-1, 2] < losses[0, 2], "validation loss; the train loss of 8 pairs with 4 texts has false negatives"
    assert metrics["steps"] == 9
    assert metrics["tuned_parameters"] < metrics["parameters"]
    assert str(ROOT) not in (tmp_path / "models/one/open_clip_config.json").read_text()
    model, _, preprocess = open_clip.create_model_and_transforms("local-dir:models/one")
    tokenizer = open_clip.get_tokenizer("local-dir:models/one")
    clip = load(tmp_path.relative_to(tmp_path) / "models" / "one")
    picture = Image.fromarray(paint("adipose", 160, 160, np.random.default_rng(9)))
    assert torch.equal(preprocess(picture), clip.transform()(picture))
    with torch.inference_mode():
        theirs = model.eval().encode_image(preprocess(picture)[None], normalize=True)
        ours = clip.model.encode_image(clip.transform()(picture)[None], normalize=True)
        assert torch.allclose(theirs, ours, atol=1e-6)
        texts = model.encode_text(tokenizer(["adipose tissue", "dense lymphocytes"]), normalize=True)
    assert float(theirs[0] @ texts[0]) > float(theirs[0] @ texts[1])


@pytest.mark.slow
def test_a_loss_that_blows_up_stops_with_advice(shards, tmp_path, params):
    block = block_of(params, epochs=2, warmup=0, lr=1e30)
    with pytest.raises(StageError, match=r"loss is .* at step \d+ of epoch \d: lower quiltnet.lr"):
        train(block, shards, tmp_path / "m", tmp_path / "m.json", tmp_path / "m.csv", "cpu", seed=0)


@pytest.mark.slow
def test_start_models_repeat_from_the_seed_and_an_open_clip_name_works(tmp_path, monkeypatch):
    import torch

    first, again, other = (build(CONFIG, "towers", seed).model.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["visual.head.proj.weight"], other["visual.head.proj.weight"])
    trunk = next(key for key in first if key.startswith("visual.trunk"))
    assert torch.equal(first[trunk], other[trunk])
    monkeypatch.chdir(tmp_path)
    small = build("RN50-quickgelu", "none", 0)
    save(small, tmp_path / "named")
    loaded = load(tmp_path / "named")
    assert torch.equal(loaded.model.logit_scale, small.model.logit_scale)
    assert loaded.image_size == small.image_size == 224
    shutil.rmtree(tmp_path / "named")


@pytest.mark.slow
def test_without_a_val_split_the_train_loss_stands_alone(shards, tmp_path, params):
    shutil.copy(shards / "train-000000.tar", tmp_path)
    train(block_of(params, epochs=1), tmp_path, tmp_path / "out", tmp_path / "m.json", tmp_path / "c.csv", "cpu", 0)
    metrics = read_json(tmp_path / "m.json")
    assert metrics["train_loss"] > 0
    assert metrics["val_loss"] is None
    assert metrics["gap"] is None
    assert (tmp_path / "c.csv").read_text().splitlines()[1].endswith(",")
