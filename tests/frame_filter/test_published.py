"""The authors' ensemble, with checkpoints of its exact shape and random weights."""

import pickle

import numpy as np
import pytest
import torch
from torchvision.transforms import functional

from stages.common.errors import StageError
from stages.common.frame_filter.classifier import load_filter
from stages.common.frame_filter.ensemble import CONVS, MEAN, STD, PublishedEnsemble, member
from stages.frame_filter.published import FILES, convert

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four files as they were published: a prefix of DataParallel here, a state_dict key there."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("published")
    for name in ("conv_0", "conv_1"):
        state = {f"module.{key}": value for key, value in member(name).state_dict().items()}
        torch.save({"epoch": 7, "state_dict": state}, folder / FILES[name])
    torch.save(member("dino").state_dict(), folder / FILES["dino"])
    head = {f"module.linear.{key}": value for key, value in member("dino_head").state_dict().items()}
    torch.save({"state_dict": head}, folder / FILES["dino_head"])
    return folder


@pytest.fixture(scope="module")
def converted(folder, tmp_path_factory):
    from conftest import ROOT

    from stages.common.stage.params import load_params

    params = load_params("frame_filter", ROOT / "params.yaml")[0].model_copy(update={"published": str(folder)})
    out = tmp_path_factory.mktemp("model")
    convert(params, out, out / "metrics.json")
    return out


def test_shapes_are_the_published_ones():
    assert sum(p.numel() for p in member("conv_0").parameters()) == pytest.approx(27.8e6, rel=0.01)
    assert member("dino").embed_dim == 384
    assert member("dino_head").weight.shape == (2, 1536)
    assert CONVS == {"conv_0": 300, "conv_1": 300}


def test_any_of_three_makes_a_frame_histology(converted):
    frame_filter = load_filter(converted)
    assert isinstance(frame_filter, PublishedEnsemble)
    image = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    found = frame_filter.predict([image])
    assert found.features.shape == (1, 1536)
    pixels = functional.to_tensor(image)
    pixels = functional.normalize(functional.resize(pixels, [384, 384], antialias=True), MEAN, STD)[None]
    crop = lambda size: functional.resize(functional.center_crop(pixels, [size, size]), [384, 384], antialias=True)  # noqa: E731
    with torch.inference_mode():
        scores = [frame_filter._members[name](crop(300)).softmax(1)[0, 1] for name in CONVS]
        tokens = frame_filter._members["dino"]
        seen = [norm[:, 0] for norm in _last_blocks(tokens, crop(224))]
        scores.append(frame_filter._members["dino_head"](torch.cat(seen, 1)).softmax(1)[0, 1])
    assert found.histology[0] == pytest.approx(float(max(scores)), abs=1e-5)
    assert frame_filter.is_histology(0.5)
    assert not frame_filter.is_histology(0.49)
    assert frame_filter.predict([]).features.shape == (0, 1536)


def _last_blocks(network, pixels):
    """Normalised outputs of the last four blocks, by running them one after the other."""
    out = []
    x = network.patch_embed(pixels)
    x = network.norm_pre(network.patch_drop(network._pos_embed(x)))
    for number, params in enumerate(network.blocks):
        x = params(x)
        if number >= 8:
            out.append(network.norm(x))
    return out


def spoil(folder, tmp_path, name, value):
    for file in FILES.values():
        (tmp_path / file).symlink_to(folder / file)
    (tmp_path / FILES[name]).unlink()
    if isinstance(value, bytes):
        (tmp_path / FILES[name]).write_bytes(value)
    elif value is not None:
        torch.save(value, tmp_path / FILES[name])
    return tmp_path


class Payload:
    def __reduce__(self):
        return (print, ("code from outside has run",))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("conv_0", None, r"cyto_histo.pth.tar not found: frame_filter.published is a folder with cyto_histo.pth.tar"),
        ("conv_0", {"state_dict": {}}, r"cyto_histo.pth.tar: 'stem.0.weight' is missing: is this the right"),
        ("dino_head", {"linear.weight": torch.zeros(2, 9)}, r"'weight' has shape \[2, 9\], expected \[2, 1536\]"),
        ("dino_head", pickle.dumps(Payload()), r"is not a checkpoint of tensors alone; it was not loaded"),
        ("dino_head", b"junk", r"is not a checkpoint of tensors alone"),
    ],
)
def test_wrong_checkpoints_are_named_and_never_run(folder, tmp_path, stage_params, capsys, name, value, message):
    spoilt = spoil(folder, tmp_path, name, value)
    with pytest.raises(StageError, match=message):
        convert(stage_params("frame_filter", published=str(spoilt)), tmp_path / "out", tmp_path / "m.json")
    assert "has run" not in capsys.readouterr().out


def test_a_payload_inside_a_checkpoint_is_refused(folder, tmp_path, stage_params, capsys):
    spoilt = spoil(folder, tmp_path, "dino_head", {"state_dict": {}, "args": Payload()})
    with pytest.raises(StageError, match="was not loaded"):
        convert(stage_params("frame_filter", published=str(spoilt)), tmp_path / "out", tmp_path / "m.json")
    assert "has run" not in capsys.readouterr().out
