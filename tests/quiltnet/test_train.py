"""Fine-tuning: repeatable, resumable, loadable by open_clip, and clear when it cannot go on."""

import json
import os
import re
import shutil
import signal
import time

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from PIL import Image
from safetensors.torch import load_file
from training import DEVICE, in_scratch, nodes

from stages.common.data.files import read_json, sha256
from stages.common.data.tars import read_tar, write_tar
from stages.common.errors import StageError
from stages.common.models.clip import build, load, named, save
from stages.demo.tissue import paint
from stages.quiltnet.checkpoints import BEST, LATEST, Checkpoints
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.train import train

CONFIG = str(ROOT / "stages/quiltnet/configs/lite0_minilm.json")


def weights(places):
    return load_file(places.out / "open_clip_model.safetensors")


def close(one, other, atol=1e-5):
    return all(torch.allclose(one[name], other[name], atol=atol) for name in one)


def test_a_run_repeats_and_leaves_curves_a_card_and_no_state(tune):
    one, two, other = tune("one"), tune("two"), tune("other", seed=1)
    hashes = [sha256(places.out / "open_clip_model.safetensors") for places in (one, two, other)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert one.metrics.read_text() == two.metrics.read_text()
    metrics = read_json(one.metrics)
    assert (metrics["steps"], metrics["images"], metrics["texts"]) == (6, 24, 48)
    assert metrics["gap"] == pytest.approx(metrics["val_loss"] - metrics["train_loss"], abs=1e-5)
    losses = pd.read_csv(one.live / "plots/metrics/train/loss.tsv", sep="\t")
    assert losses.step.tolist() == [1, 2, 3, 4, 5, 6]
    assert not one.state.exists()
    card = (one.out / "README.md").read_text()
    assert "no medical device" in card
    assert f"| val_loss | {metrics['val_loss']:.4g} |" in card
    assert metrics["data"] in card


def test_another_tracker_gets_the_same_numbers(tune):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    places = tune(tracker="tensorboard")
    events = EventAccumulator(str(places.live.parent / "tensorboard")).Reload()
    theirs = [event.value for event in events.Scalars("train/loss")]
    ours = pd.read_csv(places.live / "plots/metrics/train/loss.tsv", sep="\t").loss
    assert theirs == pytest.approx(ours.tolist(), rel=1e-6)


class Stop(Exception):
    """The end of a process, for a test that stays in its own."""


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_run_that_is_broken_off_goes_on_to_the_same_weights_and_curves(tune, quick, places, monkeypatch, stop):
    whole = tune("whole", save_steps=1)
    saved = Checkpoints.save
    count = []

    def save_and_stop(self, *args):
        saved(self, *args)
        count.append(1)
        if len(count) == stop:
            raise Stop

    where = places("broken")
    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    with pytest.raises(Stop):
        train(quick(save_steps=1), where, DistributedContext(0, 1, DEVICE), 0)
    monkeypatch.setattr(Checkpoints, "save", saved)
    counts = train(quick(save_steps=1, workers=1), where, DistributedContext(0, 1, DEVICE), 0)
    assert counts["items"] < 48
    assert sha256(where.out / "open_clip_model.safetensors") == sha256(whole.out / "open_clip_model.safetensors")
    for name in ("curve", "metrics"):
        assert getattr(where, name).read_bytes() == getattr(whole, name).read_bytes()
    for name in ("train/loss", "val/loss"):
        paths = [places.live / f"plots/metrics/{name}.tsv" for places in (where, whole)]
        assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK no checkpoint", None])
def test_a_damaged_state_is_one_line(tmp_path, content):
    kept = Checkpoints(tmp_path, "key")
    model = torch.nn.Linear(2, 2)
    kept.save_best(model)
    path = tmp_path / BEST
    path.write_bytes(path.read_bytes()[:-200] if content is None else content)
    with pytest.raises(StageError, match=rf"best.pt is damaged \(\w+\): remove {tmp_path} to train from the beginning"):
        kept.load_best(model, "cpu")


def test_a_state_of_other_parameters_is_not_gone_on_from(tune, quick, places, monkeypatch):
    where = places("broken")
    monkeypatch.setattr(Checkpoints, "clear", lambda self: None)
    train(quick(epochs=1), where, DistributedContext(0, 1, DEVICE), 0)
    assert (where.state / LATEST).exists()
    assert train(quick(epochs=1, workers=1), where, DistributedContext(0, 1, DEVICE), 0)["items"] == 0
    assert train(quick(epochs=2), where, DistributedContext(0, 1, DEVICE), 0)["items"] == 48


def test_a_state_is_not_gone_on_from_under_another_model_of_the_same_name(quick, places, monkeypatch, tmp_path, tiny):
    """The config or the checkpoint was edited in between: layout alone does not count, content does."""
    monkeypatch.setattr(Checkpoints, "clear", lambda self: None)
    config, start = tmp_path / "mine.json", tmp_path / "start.pt"
    config.write_text(tiny.read_text())
    torch.save(build(str(tiny), "none", 0).model.state_dict(), start)

    def learned():
        params = quick(epochs=1, model=str(config), start=str(start))
        return train(params, places("broken"), DistributedContext(0, 1, DEVICE), 0)["items"]

    assert (learned(), learned()) == (24, 0)
    tree = json.loads(config.read_text())
    config.write_text(json.dumps(tree, indent=4))
    assert learned() == 0
    config.write_text(json.dumps(tree | {"preprocess_cfg": tree["preprocess_cfg"] | {"mean": [0.0] * 3}}))
    assert (learned(), learned()) == (24, 0)
    torch.save(build(str(tiny), "none", 1).model.state_dict(), start)
    assert (learned(), learned()) == (24, 0)


def test_a_batch_in_parts_gives_the_same_model(tune):
    whole, parts = (tune(f"parts{n}", accumulate=n, epochs=1) for n in (1, 3))
    assert close(weights(whole), weights(parts), atol=2e-4)
    assert not close(weights(whole), weights(tune("other", epochs=1, lr=2e-3)), atol=2e-4)


def test_checkpointing_and_bf16_change_speed_and_little_else(tune):
    whole = weights(tune("whole", epochs=1))
    assert close(whole, weights(tune("saving", epochs=1, grad_checkpointing=True)))
    half = weights(tune("half", epochs=1, precision="amp_bf16"))
    assert not close(whole, half, atol=1e-7)
    assert close(whole, half, atol=1e-2)


@pytest.mark.slow
def test_a_compiled_model_is_the_same_model(tune):
    assert close(weights(tune("whole", epochs=1)), weights(tune("compiled", epochs=1, compile=True)), atol=1e-4)


def test_locked_towers_stay_and_wise_ft_lies_between(tune, quick, tiny):
    start = build(str(tiny), "none", 0).model.state_dict()
    tuned = weights(tune("tuned", epochs=1))
    lit = weights(tune("lit", epochs=1, lock_image=True))
    frozen = [name for name in start if name.startswith("visual.")]
    assert all(torch.equal(lit[name], start[name]) for name in frozen)
    assert not any(torch.equal(tuned[name], start[name]) for name in frozen if name.endswith("weight"))
    locked = weights(tune("locked", epochs=1, lock_text=True))
    assert torch.equal(
        locked["text.transformer.resblocks.0.mlp.c_fc.weight"], start["text.transformer.resblocks.0.mlp.c_fc.weight"]
    )
    half = weights(tune("half", epochs=1, wise_ft=0.5))
    name = "visual.proj"
    assert torch.allclose(half[name], (start[name] + tuned[name]) / 2, atol=1e-6)
    assert close(weights(tune("none", epochs=1, wise_ft=0.0)), start, atol=0)


def test_the_best_epoch_is_kept_or_the_last(tune):
    rates = {"lr": 0.03, "epochs": 4, "warmup": 0}
    best, last = tune("best", **rates), tune("last", keep="last", **rates)
    curve = pd.read_csv(best.curve)
    assert read_json(best.metrics)["best_epoch"] == curve.val.idxmin() + 1
    assert read_json(last.metrics)["best_epoch"] == 4
    assert read_json(best.metrics)["val_loss"] == pytest.approx(curve.val.min(), abs=1e-5)


def test_broken_images_and_a_single_shard_do_not_stop_training(tune, shards, tmp_path):
    members = read_tar(shards / "train-000000.tar")
    first = next(name for name in members if name.endswith(".jpg"))
    members[first] = members[first][:100]
    write_tar(tmp_path / "data/train-000000.tar", members)
    places = tune(data=tmp_path / "data", workers=3, epochs=2)
    metrics = read_json(places.metrics)
    assert metrics["skipped"] == {"no_image": 0, "no_text": 0, "unreadable_image": 2}
    assert metrics["val_loss"] is None
    assert metrics["gap"] is None


def test_a_loss_that_blows_up_stops_with_advice_and_the_last_good_state(tune, places):
    with pytest.raises(StageError, match=r"loss is nan at step \d+ of epoch \d/2: lower quiltnet.lr .*; "):
        tune(lr=1e30, warmup=0)
    assert not places().out.exists()


def test_no_epochs_is_the_start_model(tune, tiny):
    places = tune(epochs=0)
    assert close(weights(places), build(str(tiny), "none", 0).model.state_dict(), atol=0)
    assert read_json(places.metrics)["best_epoch"] == 0


@pytest.mark.slow
def test_a_killed_process_is_gone_on_from(shards, tiny, tmp_path):
    whole, broken = (in_scratch(tmp_path / name, shards, tiny, epochs=5) for name in ("whole", "broken"))
    first = broken()
    while not (tmp_path / "broken/models/.quiltnet" / LATEST).exists():
        assert first.poll() is None, first.stdout.read().decode()
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    for start in (broken, whole):
        again = start()
        out = again.communicate()[0].decode()
        assert again.returncode == 0, out
    assert "samples/s/process" in out
    shares = [int(share) for share in re.findall(r"(\d+)% waiting for data", out)]
    assert shares and max(shares) < 100, "a step that computes does not only wait"
    for name in ("models/quiltnet/open_clip_model.safetensors", "reports/live/quiltnet/plots/metrics/train/loss.tsv"):
        assert sha256(tmp_path / "broken" / name) == sha256(tmp_path / "whole" / name)
    assert int(read_json(tmp_path / "broken/reports/timings/quiltnet.json")["items"]) < 5 * 24


@pytest.fixture(scope="module")
def alone(shards, tiny, tmp_path_factory):
    """The folder in which one process has trained for three epochs."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    assert in_scratch(folder, shards, tiny, epochs=3)().wait() == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("launchers", [nodes(2, 1), nodes(1, 2)], ids=["processes", "nodes"])
def test_two_learn_what_one_does(shards, tiny, tmp_path, alone, launchers):
    start = in_scratch(tmp_path / "two", shards, tiny, epochs=3)
    both = [start(*launcher) for launcher in launchers]
    out = "".join(one.communicate()[0].decode() for one in both)
    assert [one.returncode for one in both] == [0] * len(both), out
    assert out.count("quiltnet: 72 items") == 1
    runs = (alone, tmp_path / "two")
    one, two = (load_file(run / "models/quiltnet/open_clip_model.safetensors") for run in runs)
    assert close(one, two, atol=2e-4)
    curves = [pd.read_csv(run / "reports/plots/quiltnet.csv") for run in runs]
    assert np.allclose(curves[0], curves[1], atol=1e-3)


@pytest.mark.slow
def test_nodes_with_other_shards_are_told_so(shards, tiny, tmp_path):
    shutil.copytree(shards, tmp_path / "other")
    write_tar(tmp_path / "other/val-000000.tar", {})
    starts = [in_scratch(tmp_path / str(n), place, tiny) for n, place in enumerate((shards, tmp_path / "other"))]
    both = [start(*launcher) for start, launcher in zip(starts, nodes(1, 2), strict=True)]
    for one in both:
        assert "nodes differ in data/dataset or models/.quiltnet" in one.communicate()[0].decode()
        assert one.returncode != 0


@pytest.mark.slow
def test_real_towers_learn_and_open_clip_loads_them(tune, tmp_path, monkeypatch):
    import open_clip

    monkeypatch.chdir(tmp_path)
    places = tune(model=CONFIG, start="towers", lock_text=True, epochs=3)
    folder = places.out.relative_to(tmp_path)
    losses = pd.read_csv(places.curve)
    assert losses.val.iloc[-1] < losses.val.iloc[0]
    clip = load(folder)
    save(clip, folder)
    for file in folder.iterdir():
        assert file.suffix in (".safetensors", ".md") or str(ROOT) not in file.read_text()
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    picture = Image.fromarray(paint("adipose", 160, 160, np.random.default_rng(9)))
    assert torch.equal(preprocess(picture), clip.transform()(picture))
    with torch.inference_mode():
        theirs = model.eval().encode_image(preprocess(picture)[None], normalize=True)
        ours = clip.model.encode_image(clip.transform()(picture)[None], normalize=True)
        assert torch.allclose(theirs, ours, atol=1e-6)
        texts = model.encode_text(tokenizer(["adipose tissue", "dense lymphocytes"]), normalize=True)
    assert float(theirs[0] @ texts[0]) > float(theirs[0] @ texts[1])


@pytest.mark.slow
def test_a_locked_image_tower_of_convolutions_loads_again(tune, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = tune(model=CONFIG, start="towers", lock_text=True, lock_image=True, epochs=1)
    tuned, start = load(places.out.relative_to(tmp_path)).model, build(CONFIG, "towers", 0).model
    assert torch.equal(tuned.visual.trunk.bn2.running_mean, start.visual.trunk.bn2.running_mean)
    assert not torch.equal(tuned.visual.head.proj.weight, start.visual.head.proj.weight)


@pytest.mark.slow
def test_start_models_repeat_from_the_seed_and_an_open_clip_name_works(tmp_path, monkeypatch):
    first, again, other = (build(CONFIG, "towers", seed).model.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["visual.head.proj.weight"], other["visual.head.proj.weight"])
    trunk = next(key for key in first if key.startswith("visual.trunk"))
    assert torch.equal(first[trunk], other[trunk])
    monkeypatch.chdir(tmp_path)
    small = build("RN50-quickgelu", "none", 0)
    save(small, tmp_path / "named")
    loaded = named("local-dir:named")
    assert torch.equal(loaded.model.logit_scale, small.model.logit_scale)
    assert loaded.image_size == small.image_size == 224
    save(loaded, tmp_path / "again")
    assert read_json(tmp_path / "again/open_clip_config.json") == read_json(tmp_path / "named/open_clip_config.json")
    shutil.rmtree(tmp_path / "named")


class Payload:
    """What a pickle from outside could hold."""

    def __reduce__(self):
        return os.system, ("true",)


def test_models_and_checkpoints_that_will_not_do_are_one_line(tiny, tmp_path):
    with pytest.raises(StageError, match=r"quiltnet.model: nowhere.json not found"):
        build("nowhere.json", "towers", 0)
    with pytest.raises(StageError, match=r"model 'ViT-Z-99' with start 'none' cannot be had"):
        build("ViT-Z-99", "none", 0)
    with pytest.raises(StageError, match=r"model 'local-dir:nowhere' with start '' cannot be had"):
        named("local-dir:nowhere")
    state = build(str(tiny), "none", 0).model.state_dict()
    place = tmp_path / "weights.pt"
    torch.save({**state, "extra": Payload()}, place)
    with pytest.raises(StageError, match=r"weights.pt: it .*holds more than tensors and would run code"):
        build(str(tiny), str(place), 0)
    torch.save({name: value for name, value in state.items() if name != "visual.proj"}, place)
    with pytest.raises(StageError, match=r"weights.pt cannot be had: .*visual.proj"):
        build(str(tiny), str(place), 0)
    torch.save(state | {"visual.proj": torch.zeros(3, 3)}, place)
    with pytest.raises(StageError, match=r"weights.pt cannot be had: .*size mismatch for visual.proj"):
        build(str(tiny), str(place), 0)
    torch.save(state, place)
    assert close(build(str(tiny), str(place), 5).model.state_dict(), state, atol=0)
