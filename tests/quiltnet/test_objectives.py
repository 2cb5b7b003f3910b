"""SigLIP, CoCa and distillation: open_clip's own losses and models, trained, saved and loaded again."""

import json

import numpy as np
import open_clip
import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file
from torch.nn.functional import normalize
from training import TINY, in_scratch, nodes

from stages.common.data.files import read_json, read_yaml
from stages.common.data.tars import read_tar, write_tar
from stages.common.errors import StageError
from stages.common.models.clip import build, named, save
from stages.common.stage.params import load_all_params
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.loss import make_loss
from stages.quiltnet.step import Stepper
from stages.quiltnet.towers import prepare

TOKENS = {"output_tokens": True}
COCA = TINY | {
    "vision_cfg": TINY["vision_cfg"] | TOKENS | {"attentional_pool": True, "attn_pooler_heads": 2},
    "text_cfg": TINY["text_cfg"] | TOKENS | {"embed_cls": True},
    "multimodal_cfg": TINY["text_cfg"] | {"attn_pooler_heads": 2},
}
WHOLE = {"mask_false_negatives": False}


@pytest.fixture(scope="module")
def coca(tmp_path_factory):
    """The config of a small CoCa."""
    path = tmp_path_factory.mktemp("coca") / "coca.json"
    path.write_text(json.dumps(COCA))
    return path


@pytest.fixture(scope="module")
def teacher(tiny, tmp_path_factory):
    """A model of the same form with other weights."""
    folder = tmp_path_factory.mktemp("teacher")
    save(build(str(tiny), "none", 7), folder)
    return f"local-dir:{folder}"


def unit(count=6, seed=0):
    torch.manual_seed(seed)
    return [normalize(torch.randn(count, 8), dim=1) for _ in range(2)]


def cross_entropy(logits, truth):
    return -np.mean(np.sum(truth * np.log(np.exp(logits) / np.exp(logits).sum(1, keepdims=True)), axis=1))


def test_losses_are_those_of_the_papers(stage_params):
    image, text = unit()
    scale, bias = torch.tensor(5.0), torch.tensor(-2.0)
    logits, eye = 5 * (image @ text.T).numpy(), np.eye(6)
    siglip = make_loss(stage_params("quiltnet", loss="siglip", **WHOLE), 0, 1)
    found = siglip(image, text, scale, bias)
    by_hand = np.log1p(np.exp(-(2 * eye - 1) * (logits - 2))).sum() / 6
    assert float(found) == pytest.approx(by_hand, rel=1e-5)

    contrastive = (cross_entropy(logits, eye) + cross_entropy(logits.T, eye)) / 2
    words, truth = torch.randn(6, 4, 9), torch.randint(1, 9, (6, 4))
    truth[:, 3] = 0  # padding
    weights = {"contrastive_weight": 0.5, "caption_weight": 3.0}
    coca = make_loss(stage_params("quiltnet", loss="coca", **WHOLE, **weights), 0, 1)
    caption = cross_entropy(words[:, :3].reshape(-1, 9).numpy(), np.eye(9)[truth[:, :3].reshape(-1)])
    found = coca(image, text, words, truth, scale, output_dict=True)
    assert float(found["contrastive_loss"]) == pytest.approx(0.5 * contrastive, rel=1e-5)
    assert float(found["caption_loss"]) == pytest.approx(3 * caption, rel=1e-5)

    others = unit(seed=1)
    theirs = 7 * (others[0] @ others[1].T).numpy()
    distil = make_loss(stage_params("quiltnet", teacher="x", **WHOLE), 0, 1)
    found = distil(image, text, scale, *others, torch.tensor(7.0), output_dict=True)
    soft = [np.exp(one) / np.exp(one).sum(1, keepdims=True) for one in (theirs, theirs.T)]
    learned = (cross_entropy(logits, soft[0]) + cross_entropy(logits.T, soft[1])) / 2
    assert float(found["contrastive_loss"]) == pytest.approx(contrastive, rel=1e-5)
    assert float(found["distill_loss"]) == pytest.approx(learned, rel=1e-5)


@pytest.mark.parametrize("loss", ["siglip", "coca"])
def test_it_learns_is_saved_and_open_clip_loads_it(tune, coca, tiny, loss):
    model = str(coca if loss == "coca" else tiny)
    places = tune(loss=loss, model=model, epochs=4, lr=3e-3, **WHOLE)
    clip = named(f"local-dir:{places.out}")
    start = build(model, "none", 0, siglip=loss == "siglip").model.state_dict()
    saved = load_file(places.out / "open_clip_model.safetensors")
    assert saved.keys() == start.keys() == clip.model.state_dict().keys()
    assert all(torch.equal(value, saved[name]) for name, value in clip.model.state_dict().items())
    curve = np.loadtxt(places.curve, delimiter=",", skiprows=1)
    assert curve[-1, 1] < curve[0, 1]
    assert curve[-1, 2] < curve[0, 2]
    theirs, _, _ = open_clip.create_model_and_transforms(f"local-dir:{places.out}")
    assert type(theirs) is type(clip.model)
    pixels, tokens = torch.randn(2, 3, 32, 32), clip.tokenizer(["adipose tissue", "a naevus"])
    with torch.inference_mode():
        ours, other = (
            [one.eval().encode_image(pixels, normalize=True), one.encode_text(tokens, normalize=True)]
            for one in (clip.model, theirs)
        )
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, other, strict=True))
    if loss == "siglip":
        assert read_json(places.out / "open_clip_config.json")["model_cfg"]["init_logit_bias"] == -10
        assert float(saved["logit_bias"]) != -10
        assert float(start["logit_scale"].exp()) == pytest.approx(10)
    else:
        assert not torch.equal(saved["text_decoder.text_projection"], start["text_decoder.text_projection"])


def test_every_weight_of_a_coca_comes_from_the_seed(coca):
    """open_clip leaves the projection of its decoder at what the memory holds."""
    torch.full((49408, 64), 7.0)  # what the next model might find there
    one, two, other = (build(str(coca), "none", seed).model.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    name = "text_decoder.text_projection"
    assert not torch.equal(one[name], other[name])
    assert float(one[name].std()) == pytest.approx(32**-0.5, rel=0.02)


def test_siglip_goes_on_from_a_clip_as_in_open_clip(tiny, tmp_path):
    clip = build(str(tiny), "none", 3)
    torch.save(clip.model.state_dict(), tmp_path / "clip.pt")
    model = build(str(tiny), str(tmp_path / "clip.pt"), 0, siglip=True).model
    assert float(model.logit_bias) == 0
    assert torch.equal(model.visual.proj, clip.model.visual.proj)
    assert torch.equal(model.logit_scale, clip.model.logit_scale)


def test_a_student_comes_closer_to_its_teacher(tune, tiny, teacher):
    wanted = named(teacher)
    pixels = torch.randn(16, 3, 32, 32)
    tokens = wanted.tokenizer([f"a naevus {n}" for n in range(16)])

    def logits(model):
        with torch.inference_mode():
            image, text = model.eval().encode_image(pixels, normalize=True), model.encode_text(tokens, normalize=True)
        return float(model.logit_scale.exp()) * (image @ text.T).softmax(1)

    rates = {"epochs": 6, "lr": 3e-3} | WHOLE
    distilled, alone = tune("distilled", teacher=teacher, **rates), tune("alone", **rates)
    apart = [
        float((logits(named(f"local-dir:{one.out}").model) - logits(wanted.model)).abs().mean())
        for one in (distilled, alone)
    ]
    assert apart[0] < apart[1]
    plain = build(str(tiny), "none", 0).model.state_dict()
    assert load_file(distilled.out / "open_clip_model.safetensors").keys() == plain.keys()


@pytest.mark.parametrize(
    "changes",
    [{"loss": "siglip"}, {"loss": "coca"}, {"teacher": "yes"}],
    ids=["siglip", "coca", "teacher"],
)
def test_a_batch_in_parts_is_the_whole_batch(tune, coca, teacher, changes):
    changes = changes | ({"model": str(coca)} if changes.get("loss") == "coca" else {})
    changes = changes | ({"teacher": teacher} if "teacher" in changes else {}) | WHOLE
    whole, parts = (
        load_file(tune(f"parts{n}", accumulate=n, epochs=1, **changes).out / "open_clip_model.safetensors")
        for n in (1, 2)
    )
    assert all(torch.allclose(whole[name], parts[name], atol=3e-4) for name in whole)


def test_a_broken_image_is_left_out_of_open_clips_losses(tune, quick, shards, tmp_path):
    members = read_tar(shards / "train-000000.tar")
    first = next(name for name in members if name.endswith(".jpg"))
    members[first] = members[first][:100]
    write_tar(tmp_path / "data/train-000000.tar", members)
    where = tune(data=tmp_path / "data", loss="siglip", epochs=1, **WHOLE)
    assert read_json(where.metrics)["skipped"]["unreadable_image"] == 1
    assert np.isfinite(read_json(where.metrics)["train_loss"])
    params, module = quick(loss="siglip", **WHOLE), torch.nn.Module()
    stepper = Stepper(module, module, None, None, params, DistributedContext(0, 2, "cpu"))
    with pytest.raises(StageError, match="an image cannot be decoded, and quiltnet.loss=siglip over several processes"):
        stepper.step([torch.zeros(2, 3, 32, 32), *torch.zeros(3, 2, 1), torch.tensor([False, True])])


def test_what_does_not_go_together_is_one_line(stage_params, tune, coca, tiny, teacher, tmp_path):
    for changes, message in (
        (
            {"loss": "siglip"},
            "quiltnet.mask_false_negatives: open_clip's loss for siglip has no such mask: set it to f",
        ),
        ({"teacher": "RN50@openai"}, "quiltnet.mask_false_negatives: open_clip's loss for teacher has no such mask"),
        (
            {"loss": "coca", "teacher": "x"} | WHOLE,
            "quiltnet.teacher: open_clip distils with the loss clip alone, not c",
        ),
        ({"loss": "cross_entropy"}, "quiltnet.loss: should be clip, siglip, coca, FILE.py:NAME"),
        (
            {"loss": "coca", "contrastive_weight": 0.0, "caption_weight": 0.0} | WHOLE,
            "quiltnet.caption_weight: coca learns nothing where contrastive_weight is 0, too",
        ),
        ({"zero_shot_epochs": 1}, "quiltnet.zero_shot_protocol: zero_shot_epochs asks for zero-shot: name a protocol"),
    ):
        tree = read_yaml(ROOT / "params.yaml")
        tree["quiltnet"] |= changes
        (tmp_path / "params.yaml").write_text(json.dumps(tree))
        with pytest.raises(StageError, match=message):
            load_all_params(tmp_path / "params.yaml")
    with pytest.raises(StageError, match="quiltnet.loss: coca is for models that write captions"):
        tune(loss="coca", **WHOLE)
    with pytest.raises(StageError, match="quiltnet.loss: clip leaves the captions of a CoCa untuned: use coca"):
        tune(model=str(coca))
    with pytest.raises(StageError, match="quiltnet.contrastive_weight: 0 leaves weights without gradients: use one pr"):
        prepare(
            build(str(coca), "none", 0).model,
            stage_params("quiltnet", loss="coca", contrastive_weight=0.0, lock_text=False, **WHOLE),
            DistributedContext(0, 2, "cpu"),
        )
    with pytest.raises(StageError, match="quiltnet.teacher: .*nowhere.json not found"):
        tune(teacher="nowhere.json", **WHOLE)
    tree = json.loads(tiny.read_text())
    for name, change in (
        ("pixels", {"preprocess_cfg": tree["preprocess_cfg"] | {"mean": [0.0] * 3}}),
        ("tokens", {"text_cfg": tree["text_cfg"] | {"context_length": 8}}),
    ):
        (tmp_path / "other.json").write_text(json.dumps(tree | change))
        with pytest.raises(StageError, match=f"quiltnet.teacher: '.*teacher.*' takes other {name} than the model"):
            tune(model=str(tmp_path / "other.json"), teacher=teacher, **WHOLE)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["siglip", "clip"])
def test_two_processes_learn_what_one_does(shards, tiny, tmp_path, teacher, with_batch_norm, loss):
    """SigLIP with weights of sources; and a teacher of a tower whose BatchNorm keeps its statistics."""
    distil = {"model": with_batch_norm, "batch_norm": "frozen", "teacher": teacher}
    changes = {"loss": loss, "epochs": 2, "source_weights": {"quilt": 2.0}} | WHOLE | (distil if loss == "clip" else {})
    starts = [in_scratch(tmp_path / name, shards, tiny, **changes) for name in ("one", "two")]
    for start, launcher in zip(starts, ((), nodes(2, 1)[0]), strict=True):
        process = start(*launcher)
        out = process.communicate()[0].decode()
        assert process.returncode == 0, out
    one, two = (load_file(tmp_path / name / "models/quiltnet/open_clip_model.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], atol=3e-4) for name in one)
