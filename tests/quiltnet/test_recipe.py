"""The paper's training by parameters alone, and a training loss that is the mean over what was learned from."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from stages.common.data.files import read_json, read_yaml
from stages.quiltnet.card import PAPER
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.loader import SampleView
from stages.quiltnet.samples import order_of, read_samples
from stages.quiltnet.step import Stepper
from stages.quiltnet.train import Run


def test_an_epoch_of_pairs_has_every_text_with_its_image_once(shards):
    samples = read_samples(shards, "train")
    order = order_of(samples, 0, 0, pairs=True)
    assert sorted(order) == list(range(48))
    pairs, images = (
        SampleView(samples, lambda image: np.asarray(image).tobytes(), lambda text: [text], 0, False, of_pairs)
        for of_pairs in (True, False)
    )
    seen = [pairs.item(0, int(n)) for n in order]
    assert sorted(item[1] for item in seen) == sorted(samples.texts.to_pylist())
    for n, item in zip(order, seen, strict=True):
        assert item[0] == images.item(0, int(n) // 2)[0]
        assert item[1] == samples.texts[int(n)].as_py()
        assert item[2] == samples.group[n]
        assert set(item[3]) == set(samples.group[n // 2 * 2 : n // 2 * 2 + 2])


def test_an_epoch_of_pairs_takes_more_steps(tune):
    steps = {unit: read_json(tune(unit, epoch_of=unit).metrics)["steps"] for unit in ("images", "pairs")}
    assert steps == {"images": 2 * 24 / 8, "pairs": 2 * 48 / 8}


@pytest.mark.parametrize(("norm", "expected"), [(0.0, 5.0), (1.0, 1.0), (9.0, 5.0)])
def test_the_gradient_is_clipped_as_the_parameter_says(quick, norm, expected):
    import torch

    weight = torch.nn.Parameter(torch.zeros(2))
    module = torch.nn.Module()
    module.weight, module.logit_scale = weight, torch.nn.Parameter(torch.zeros(()))
    loss = lambda *_: ((weight * torch.tensor([3.0, 4.0])).sum(), torch.tensor(0))  # noqa: E731
    optimizer = torch.optim.SGD([weight], lr=0.0)
    stepper = Stepper(module, module, loss, optimizer, quick(clip_norm=norm), DistributedContext(0, 1, "cpu"))
    stepper._features = lambda *_: dict.fromkeys(("image_features", "text_features", "logit_scale"))
    stepper.step([torch.zeros(1), torch.zeros(1)])
    assert float(weight.grad.norm()) == pytest.approx(expected, rel=1e-5)


def test_a_short_last_batch_weighs_as_many_samples_as_it_has(tune, monkeypatch):
    losses = []
    step = Stepper.step
    monkeypatch.setattr(
        Stepper, "step", lambda self, batch: losses.append((step(self, batch), len(batch[0]))) or losses[-1][0]
    )
    where = tune(batch_size=10, epochs=1)
    assert [size for _, size in losses] == [10, 10, 4]
    by_hand = sum(float(loss) * size for (loss, _), size in losses) / 24
    assert read_json(where.metrics)["train_loss"] == pytest.approx(by_hand, abs=1e-5)
    assert pd.read_csv(where.curve).train[0] == pytest.approx(by_hand, abs=1e-6)


def test_what_one_process_saves_is_the_loss_of_all():
    """Rank 0 of two whose losses differ: what it saves and goes on from is the mean of both."""
    whole = 0.75 * 8 + 0.25 * 8  # of both processes, over their samples
    context = SimpleNamespace(world=2, first=False, total=lambda own: whole, wait=lambda: None)
    run = SimpleNamespace(context=context, state=SimpleNamespace(loss_sum=0.75 * 8, loss_count=8, broken=0))
    run._mean_loss = lambda: Run._mean_loss(run)
    Run._save(run)
    assert run.state.loss_sum == whole / 2
    assert run._mean_loss() == 0.5


def test_the_profile_is_the_papers_training_and_defaults_are_ours():
    words = re.findall(r"quiltnet\.(\w+)=(\S*)", (ROOT / "profiles/quilt1m").read_text())
    ours = read_yaml(ROOT / "params.yaml")["quiltnet"]
    given = {name: type(PAPER[name])(value) for name, value in words if type(PAPER.get(name)) in (int, float, str)}
    given |= {name: value == "true" for name, value in words if isinstance(PAPER.get(name), bool)}
    assert {**ours, **given}.items() >= PAPER.items()
    assert (ours["epoch_of"], ours["mask_false_negatives"], ours["keep"], ours["clip_norm"]) == (
        "images",
        True,
        "best",
        1.0,
    )


def test_the_card_names_our_values_beside_the_papers(tune):
    card = (tune(epochs=1).out / "README.md").read_text()
    assert "| `quiltnet.epoch_of` | images | pairs |" in card
    assert "| `quiltnet.clip_norm` | 1.0 | 0.0 |" in card
    assert "| `quiltnet.mask_false_negatives` | True | False |" in card
    assert "| `quiltnet.keep` | best | last |" in card


def test_a_batch_in_parts_drops_out_the_same_both_times(quick):
    """Every part's loss is over the features of the whole batch, and these are the same in all of them."""
    import torch

    class Dropping(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(6))
            self.logit_scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, pixels, tokens):
            dropped = torch.nn.functional.dropout(pixels.flatten(1) * self.weight, 0.5)
            text = tokens * self.weight
            return {"image_features": dropped, "text_features": text, "logit_scale": self.logit_scale}

    seen = []

    def loss(image, text, scale, *_):
        seen.append(image.detach().clone())
        return (image * text).sum() * scale, torch.tensor(0)

    module = Dropping()
    params, context = quick(accumulate=4), DistributedContext(0, 1, "cpu")
    stepper = Stepper(module, module, loss, torch.optim.SGD([module.weight], lr=0.0), params, context)
    torch.manual_seed(3)
    stepper.step([torch.rand(8, 1, 2, 3), torch.rand(8, 6)])
    assert len(seen) == 4
    assert all(torch.equal(one, seen[0]) for one in seen)
    assert len({tuple(row.tolist()) for row in seen[0] == 0}) > 1, "parts drop out differently"


def test_batch_norm_in_parts_is_said(tune, monkeypatch, caplog):
    monkeypatch.setattr("stages.quiltnet.towers.has_batch_norm", lambda model: True)
    tune("whole", epochs=0)
    assert "BatchNorm" not in caplog.text
    tune("parts", epochs=0, accumulate=2)
    assert "this model has BatchNorm" in caplog.text
