"""The optimizer is the same on a GPU, where its kernels are fused; torch has the fused form for CPUs too."""

import copy

import torch

from stages.quiltnet.step import make_optimizer


def learn(model, optimizer, steps):
    torch.manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 6)).square().mean().backward()
        optimizer.step()
    return model.state_dict()


def test_both_devices_have_the_same_steps_and_states(stage_params):
    torch.manual_seed(1)
    start = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.LayerNorm(5), torch.nn.Linear(5, 4))
    params = stage_params("quiltnet", lr=0.01)
    plain, fused, resumed = (copy.deepcopy(start) for _ in range(3))
    one, two = make_optimizer(plain, params, "cpu"), make_optimizer(fused, params, "cuda")
    assert (one.defaults["fused"], two.defaults["fused"]) == (False, True)
    expected = learn(plain, one, 5)
    assert all(torch.allclose(expected[name], value, atol=1e-6) for name, value in learn(fused, two, 5).items())
    assert not torch.equal(expected["0.weight"], start.state_dict()["0.weight"])
    other = make_optimizer(resumed, params, "cpu")
    other.load_state_dict(two.state_dict())
    resumed.load_state_dict(expected)
    again, whole = learn(resumed, other, 3), learn(plain, one, 3)
    assert all(torch.allclose(whole[name], value, atol=1e-6) for name, value in again.items())
