"""Options of training: each does what it says, and with each a broken-off run goes on to the bit."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import balanced_accuracy_score
from timm.optim import param_groups_layer_decay
from training import DEVICE, TINY, WORDS

from stages.common.data.files import jpeg, read_json
from stages.common.errors import StageError
from stages.common.models.clip import build, named, save
from stages.demo.tissue import paint
from stages.quiltnet.checkpoints import Checkpoints
from stages.quiltnet.distributed import DistributedContext, join
from stages.quiltnet.loader import SampleView
from stages.quiltnet.samples import batches_of, order_of, read_samples
from stages.quiltnet.step import Stepper, make_optimizer, set_rate
from stages.quiltnet.towers import layer_rates, prepare
from stages.quiltnet.train import train

WHOLE = {"mask_false_negatives": False}
ALONE = DistributedContext(0, 1, "cpu")


def weights(places):
    return load_file(places.out / "open_clip_model.safetensors")


def close(one, other, atol):
    return all(torch.allclose(one[name], other[name], atol=atol) for name in one)


@pytest.fixture(scope="module")
def evalsets(tmp_path_factory):
    """A folder with a labelled set and a set of pairs, and their protocol."""
    folder = tmp_path_factory.mktemp("evalsets")
    rng = np.random.default_rng(3)
    for tissue in WORDS:
        (folder / "tissues" / tissue).mkdir(parents=True)
        for n in range(3):
            picture = Image.fromarray(paint(tissue, 64, 64, rng))
            (folder / "tissues" / tissue / f"{n}.jpg").write_bytes(jpeg(picture))
    tissues = {"loader": "image_folder", "root": "tissues", "sub_pathology": "", "classes": dict(WORDS)}
    rest = {"metric": "balanced_accuracy", "averaging": "sets", "transform": "model", "missing": "skip"}
    fewer = {**tissues, "classes": {name: WORDS[name] for name in ("adipose", "naevus")}}
    fewer["left_out"] = ["lymphocytes", "smooth_muscle"]
    absent = {**tissues, "root": "nowhere"}
    sets = {"tissues": tissues, "fewer": fewer, "absent": absent}
    tree = {"name": "small", "templates": ["{c}", "microscopy of {c}"], "evalsets": sets} | rest
    (folder / "small.yaml").write_text(json.dumps(tree))
    return folder


def test_zero_shot_while_it_trains_is_that_of_the_epochs_model(tune, evalsets):
    asked = {"zero_shot_epochs": 2, "zero_shot_protocol": str(evalsets / "small.yaml")}
    places = tune(epochs=4, keep="last", lr=3e-3, zero_shot_evalsets=str(evalsets), **asked)
    curves = {
        name: pd.read_csv(places.live / f"plots/metrics/zero_shot/{name}.tsv", sep="\t")
        for name in ("tissues", "fewer", "mean")
    }
    assert {len(curve) for curve in curves.values()} == {2}
    assert curves["mean"].step.tolist() == [6, 12]
    clip = named(f"local-dir:{places.out}")
    found = {}
    for name, classes in (("tissues", list(WORDS)), ("fewer", ["adipose", "naevus"])):
        with torch.inference_mode():
            prompts = [[WORDS[one], f"microscopy of {WORDS[one]}"] for one in classes]
            texts = torch.stack(
                [clip.model.encode_text(clip.tokenizer(one), normalize=True).mean(0) for one in prompts]
            )
            texts = torch.nn.functional.normalize(texts, dim=1)
            files = [(n, file) for n, one in enumerate(classes) for file in (evalsets / "tissues" / one).iterdir()]
            pixels = torch.stack([clip.transform()(Image.open(file).convert("RGB")) for _, file in files])
            predicted = (clip.model.encode_image(pixels, normalize=True) @ texts.T).argmax(1)
        found[name] = balanced_accuracy_score([n for n, _ in files], predicted)
        assert curves[name].iloc[-1, 1] == pytest.approx(found[name])
    assert curves["mean"].iloc[-1, 1] == pytest.approx(np.mean(list(found.values())))
    assert torch.equal(
        weights(places)["visual.proj"], weights(tune("without", epochs=4, keep="last", lr=3e-3))["visual.proj"]
    )
    with pytest.raises(StageError, match="zero_shot_protocol: .*small.yaml has no set with classes that is there"):
        tune("nothing", zero_shot_evalsets="nowhere", **asked)
    with pytest.raises(StageError, match="quiltnet.zero_shot_protocol: nowhere.yaml not found: see protocols/"):
        tune("nothing", **asked | {"zero_shot_protocol": "nowhere.yaml"})


def test_a_damaged_image_costs_its_set_a_curve_and_not_the_run(tune, evalsets, tmp_path, caplog):
    shutil.copytree(evalsets, tmp_path / "sets")
    (tmp_path / "sets/tissues/lymphocytes/0.jpg").write_bytes(b"no image")  # which `fewer` leaves out
    asked = {"zero_shot_epochs": 1, "zero_shot_evalsets": str(tmp_path / "sets")}
    places = tune(zero_shot_protocol=str(evalsets / "small.yaml"), **asked)
    curves = places.live / "plots/metrics/zero_shot"
    assert sorted(path.stem for path in curves.iterdir()) == ["fewer", "mean"]
    assert caplog.text.count("quiltnet.zero_shot_protocol: evalset tissues: ") == 1
    tree = json.loads((evalsets / "small.yaml").read_text()) | {"missing": "fail"}
    del tree["evalsets"]["absent"]
    (tmp_path / "strict.yaml").write_text(json.dumps(tree))
    with pytest.raises(StageError, match="quiltnet.zero_shot_protocol: evalset tissues: .*0.jpg"):
        tune("strict", zero_shot_protocol=str(tmp_path / "strict.yaml"), **asked)


@pytest.fixture
def pixels(tune, monkeypatch):
    """The first batch of a run with options."""

    def first(**changes):
        seen = []
        step = Stepper.step
        monkeypatch.setattr(Stepper, "step", lambda self, batch: (seen.append(batch[0]), step(self, batch))[1])
        tune(str(len(changes)), epochs=1, **changes)
        monkeypatch.setattr(Stepper, "step", step)
        return seen[0].float()

    return first


def test_aug_cfg_is_open_clips_and_what_it_does_not_know_is_one_line(pixels, tune):
    def grey(batch):
        return (batch[:, 0] == batch[:, 1]).flatten(1).all(1).float().mean()

    assert grey(pixels()) == 0
    assert grey(pixels(aug_cfg={"gray_scale_prob": 1.0})) == 1
    erased = pixels(aug_cfg={"use_timm": True, "re_prob": 1.0})
    assert ((erased.abs() > 1).flatten(1).any(1)).all()  # noise in place of a part; pixels are from -1 to 1
    for wrong, message in (
        ({"flip": True}, "open_clip cannot augment by .*unexpected keyword argument 'flip'"),
        ({"re_prob": 0.5}, "re_prob does nothing with use_timm as it is"),
        ({"use_timm": True, "gray_scale_prob": 0.5}, "gray_scale_prob does nothing with use_timm as it is"),
        ({"color_jitter": 0.5}, "open_clip cannot augment by {'color_jitter': 0.5}: "),
        ({"gray_scale_prob": 7}, "open_clip cannot augment by .*: a number is out of its range: change it"),
        ({"scale": "x"}, "open_clip cannot augment by {'scale': 'x'}: string index out of range"),
        ({"scale": [0.5]}, "open_clip cannot augment by .*: list index out of range"),
    ):
        with pytest.raises(StageError, match=f"quiltnet.aug_cfg: {message}"):
            tune("wrong", aug_cfg=wrong)
    with pytest.raises(StageError, match="quiltnet.aug_cfg: color_jitter does nothing without color_jitter_prob"):
        tune("wrong", color_jitter=0.0, aug_cfg={"color_jitter": [0.3] * 4})


def test_patches_are_left_out_in_training_alone(tune, tiny, with_batch_norm):
    model = build(str(tiny), "none", 0, patch_dropout=0.5).model
    lengths = []
    model.visual.transformer.register_forward_pre_hook(lambda _, args: lengths.append(args[0].shape[1]))
    for learning in (True, False):
        model.train(learning)
        model.encode_image(torch.randn(2, 3, 32, 32))
    assert lengths == [1 + 16 // 2, 1 + 16]
    places = tune(patch_dropout=0.5, epochs=1)
    assert "patch_dropout" not in (places.out / "open_clip_config.json").read_text()
    assert named(f"local-dir:{places.out}")
    assert not torch.equal(weights(places)["visual.proj"], weights(tune("whole", epochs=1))["visual.proj"])
    with pytest.raises(StageError, match="quiltnet.patch_dropout: the image tower of '.*' has no patches to leave out"):
        build(with_batch_norm, "none", 0, patch_dropout=0.5)


def test_layers_learn_at_their_share_of_the_rate(tune, tiny, quick):
    start = build(str(tiny), "none", 0).model.state_dict()
    options = {"image_layer_decay": 0.5, "text_layer_decay": 0.1, "weight_decay": 0.0, "warmup": 0, "eps": 1e-12}
    places = tune(batch_size=24, epochs=1, keep="last", clip_norm=0.0, **options)
    tuned = weights(places)
    # The first step of Adam is as long as the learning rate, whatever the gradient.
    moved = {name: float((tuned[name] - start[name]).abs().max()) / 1e-3 for name in tuned}
    expected = {"visual.proj": 1, "visual.ln_post.weight": 0.5, "visual.transformer.resblocks.1.mlp.c_fc.weight": 0.5}
    expected |= {"visual.transformer.resblocks.0.mlp.c_fc.weight": 0.25, "visual.conv1.weight": 0.125}
    expected |= {"text.text_projection": 1, "text.ln_final.weight": 0.1, "text.token_embedding.weight": 0.01}
    assert {name: moved[name] for name in expected} == pytest.approx(expected, rel=0.01)
    model = build(str(tiny), "none", 0).model
    assert layer_rates(model, quick()) == {}
    assert all(p.requires_grad for p in model.parameters())


def test_layers_of_a_timm_tower_are_timms(quick, tmp_path):
    vision = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "", "timm_proj": "linear", "image_size": 224}
    (tmp_path / "timm.json").write_text(json.dumps(TINY | {"vision_cfg": vision}))
    model = build(str(tmp_path / "timm.json"), "none", 0).model
    params = quick(image_layer_decay=0.7, lock_image=True, unlocked_image_groups=4)
    trunk = {id(p): name for name, p in model.visual.trunk.named_parameters()}
    theirs = {}
    for group in param_groups_layer_decay(model.visual.trunk, layer_decay=0.7):
        theirs |= {f"visual.trunk.{trunk[id(p)]}": group["lr_scale"] for p in group["params"]}
    rates = prepare(model, params, ALONE)
    assert rates == pytest.approx({name: 0.7 * scale for name, scale in theirs.items()})  # the head is above the trunk
    optimizer = make_optimizer(model, params, "cpu", rates)
    set_rate(optimizer, 0.1)
    shares = sorted({group["lr"] / 0.1 for group in optimizer.param_groups})
    assert shares == pytest.approx([0.7**4, 0.7**3, 0.7**2, 0.7, 1])  # of what is not locked
    count = sum(len(group["params"]) for group in optimizer.param_groups)
    assert count == sum(p.requires_grad for p in model.parameters())


def test_layers_that_open_clip_cannot_tell_apart_are_one_line(quick, with_batch_norm):
    model = build(with_batch_norm, "none", 0).model
    with pytest.raises(
        StageError, match="quiltnet.image_layer_decay: open_clip cannot tell the layers of this model ap"
    ):
        prepare(model, quick(image_layer_decay=0.5), ALONE)


def test_frozen_statistics_stay_and_parts_of_a_batch_do_not_matter(tune, with_batch_norm, quick):
    start = build(with_batch_norm, "none", 0).model.state_dict()
    options = {"model": with_batch_norm, "epochs": 1, "batch_norm": "frozen"}
    whole, parts = (weights(tune(f"frozen{n}", accumulate=n, **options)) for n in (1, 2))
    assert close(whole, parts, 3e-4)
    statistics = [name for name in whole if "running" in name]
    assert len(statistics) > 4
    assert all(torch.equal(whole[name], start[name]) for name in statistics)
    assert not torch.equal(whole["visual.conv1.weight"], start["visual.conv1.weight"])
    own = weights(tune("own", **options | {"batch_norm": "own"}))
    assert not any(torch.equal(own[name], start[name]) for name in statistics)
    model = build(with_batch_norm, "none", 0).model
    with pytest.raises(StageError, match="quiltnet.batch_norm: sync is for GPUs: use frozen, or own"):
        prepare(model, quick(batch_norm="sync"), DistributedContext(0, 2, "cpu"))
    prepare(model, quick(batch_norm="sync"), DistributedContext(0, 2, "cuda"))
    assert any(isinstance(part, torch.nn.SyncBatchNorm) for part in model.modules())


def test_epochs_are_kept_as_models(tune):
    places = tune(epochs=5, save_epochs=2, keep="last", save_limit=2)
    assert [path.name for path in sorted((places.out / "epochs").iterdir())] == ["0002", "0004"]
    limited = tune("limited", epochs=5, save_epochs=1, keep="last", save_limit=2)
    assert [path.name for path in sorted((limited.out / "epochs").iterdir())] == ["0004", "0005"]
    assert not (tune("none", epochs=1).out / "epochs").exists()
    last, kept = weights(limited), named(f"local-dir:{limited.out / 'epochs/0005'}").model.state_dict()
    assert all(torch.equal(last[name], kept[name]) for name in last)
    one, two = (load_file(run.out / "epochs/0004/open_clip_model.safetensors") for run in (places, limited))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["visual.proj"], last["visual.proj"])


def test_epochs_of_a_run_of_other_parameters_do_not_count(tmp_path):
    model = torch.nn.Linear(1, 1)
    old, new = (Checkpoints(tmp_path, key) for key in ("old", "new"))
    old.save_epoch(5, model, 0)
    new.load(model, None, "cpu")
    new.save_epoch(1, model, 1)
    new.save_epoch(2, model, 1)
    assert list(new.load_epochs(model, "cpu")) == [2]


@pytest.fixture
def three_sources(shards):
    """The samples of the shards, as if from three sources."""
    from dataclasses import replace

    samples = read_samples(shards, "train")
    assert set(samples.source) == {"quilt"}
    return replace(samples, source=np.array(["quilt", "pubmed", "laion"] * 8))


@pytest.mark.parametrize("pairs", [False, True])
def test_sources_are_drawn_as_they_weigh(three_sources, pairs):
    weights = {"pubmed": 3.0, "laion": 0.0}
    orders = [order_of(three_sources, 0, epoch, pairs, weights) for epoch in range(200)]
    count = 48 if pairs else 24
    assert {len(order) for order in orders} == {count}
    image = (np.concatenate(orders) % count) // (2 if pairs else 1)
    shares = pd.Series(three_sources.source[image]).value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx({"pubmed": 0.75, "quilt": 0.25}, abs=0.02)
    assert len(set(np.concatenate(batches_of(orders[0], 8)).tolist())) == count
    assert np.array_equal(orders[3], order_of(three_sources, 0, 3, pairs, weights))
    assert not np.array_equal(orders[3], orders[4])


def test_a_sample_that_is_drawn_again_is_another_crop(three_sources):
    seen = SampleView(three_sources, lambda image: torch.rand(1), lambda text: [text], 0, True)
    first, again, other = (seen.item(0, n) for n in (5, 5 + 24, 6))
    assert first[0] != again[0]
    assert torch.equal(torch.tensor(first[3]), torch.tensor(again[3]))
    assert list(first[3]) != list(other[3])
    pairs = SampleView(three_sources, lambda image: torch.rand(1), lambda text: [text], 0, True, True)
    assert pairs.item(0, 9)[1:3] == pairs.item(0, 9 + 2 * 48)[1:3]


def test_sources_that_are_not_there_are_named(tune):
    with pytest.raises(StageError, match=r"quiltnet.source_weights: no sample is of 'pubmde' \(there are: quilt\)"):
        tune(source_weights={"pubmde": 2.0})
    with pytest.raises(StageError, match="quiltnet.source_weights: nothing is left to learn from"):
        tune(source_weights={"quilt": 0.0})


def test_a_single_sample_is_nothing_to_learn_from(tune, monkeypatch):
    monkeypatch.setattr("stages.quiltnet.train.subset_of", lambda table, query: {"naevus0_0"})
    with pytest.raises(StageError, match="1 sample to learn from, which has no negatives, .*: check quiltnet.subset"):
        tune()
    assert read_json(tune("none", epochs=0).metrics)["images"] == 1


def test_processes_wait_longer_than_nccl_for_the_one_that_scores(monkeypatch):
    asked = {}
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *_, timeout: asked.update(timeout=timeout))
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    assert join("cpu") == DistributedContext(1, 2, "cpu")
    assert asked["timeout"].total_seconds() > 3600


class Stop(Exception):
    """The end of a process, for a test that stays in its own."""


RUNS = {
    "siglip": {"loss": "siglip", "source_weights": {"quilt": 2.0}, "image_layer_decay": 0.7, "patch_dropout": 0.25}
    | {"aug_cfg": {"gray_scale_prob": 0.5}, "save_epochs": 1}
    | WHOLE,
    "distil": {"teacher": "yes", "aug_cfg": {"use_timm": True, "re_prob": 0.5}, "zero_shot_epochs": 1, "accumulate": 2}
    | WHOLE,
    "frozen": {"batch_norm": "frozen", "text_layer_decay": 0.5, "save_epochs": 2, "save_limit": 1},
}


@pytest.mark.parametrize("name", list(RUNS))
def test_a_run_that_is_broken_off_goes_on_to_the_bit(
    tune, quick, places, monkeypatch, tiny, tmp_path, evalsets, with_batch_norm, name
):
    changes = {"epochs": 3, "save_steps": 1, **RUNS[name]}
    if "teacher" in changes:
        save(build(str(tiny), "none", 7), tmp_path / "teacher")
        changes["teacher"] = f"local-dir:{tmp_path / 'teacher'}"
    if "zero_shot_epochs" in changes:
        changes |= {"zero_shot_protocol": str(evalsets / "small.yaml"), "zero_shot_evalsets": str(evalsets)}
    if name == "frozen":
        changes["model"] = with_batch_norm
    whole, where = tune("whole", **changes), places("broken")
    saved, count = Checkpoints.save, []

    def save_and_stop(self, *args):
        saved(self, *args)
        count.append(1)
        if len(count) == 6:  # in the second epoch
            raise Stop

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    with pytest.raises(Stop):
        train(quick(**changes), where, DistributedContext(0, 1, DEVICE), 0)
    monkeypatch.setattr(Checkpoints, "save", saved)
    assert train(quick(**changes), where, DistributedContext(0, 1, DEVICE), 0)["items"] < 3 * 24
    files = sorted(path.relative_to(whole.out) for path in whole.out.rglob("*") if path.is_file())
    files = [path for path in files if path.name != "README.md"]
    assert all((whole.out / path).read_bytes() == (where.out / path).read_bytes() for path in files)
    assert sum("epochs" in path.parts and path.suffix == ".safetensors" for path in files) >= (
        2 if name == "siglip" else 0
    )
    curves = [sorted(one.live.rglob("*.tsv")) for one in (whole, where)]
    assert [path.name for path in curves[0]] == [path.name for path in curves[1]]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*curves, strict=True))
    assert ("zero_shot" in {path.parent.name for path in curves[0]}) == (name == "distil")
    assert read_json(whole.metrics) == read_json(where.metrics)
