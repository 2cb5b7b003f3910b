"""One GPU, on made-up batches that lie in memory: training steps beside open_clip's own, whether they repeat and agree
with the CPU, and embedding. `benchmarks.quiltnet` has whole trainings, with shards to read."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from open_clip import ClipLoss
from open_clip_train.train import train_one_epoch

from benchmarks import report
from stages.common.models.clip import Clip, build
from stages.common.models.device import pick_device
from stages.common.models.embed import image_tower
from stages.common.stage.params import load_params
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.loss import make_loss
from stages.quiltnet.params import Params
from stages.quiltnet.step import Stepper, make_optimizer, weight_groups
from stages.quiltnet.towers import checkpoint_activations

MODEL = "ViT-B-32"
WARM = 3  # steps before the clock starts
TIMED = 16384  # samples that are timed
LARGEST = 2048  # samples of a batch
LR = 1e-4


class Made:
    """Made-up samples in pinned memory: pixels, tokens, and that no text says what another says."""

    def __init__(self, clip: Clip, count: int) -> None:
        torch.manual_seed(0)
        side = clip.image_size
        self.pixels = torch.randn(count, 3, side, side).pin_memory()
        self.tokens = torch.randint(1, 49000, (count, 77)).pin_memory()
        self.tokens[:, 40] = 49407  # the end of a text: the largest number
        self.number = torch.arange(count)

    def batch(self, size: int, begin: int = 0) -> list[Any]:
        """Samples as the stage's loader gives them."""
        part = slice(begin, begin + size)
        number = self.number[part]
        return [self.pixels[part], self.tokens[part], number, number[:, None], torch.zeros(size, dtype=torch.bool)]


def params(**changes: Any) -> Params:
    """The stage's parameters, for nothing locked."""
    found, _ = load_params("quiltnet")
    unlocked = {"model": MODEL, "start": "none", "lock_text": False, "lr": LR, "precision": "amp_bf16"}
    return found.model_copy(update=unlocked | changes)


def stepper(clip: Clip, device: str, wanted: Params) -> Stepper:
    """The stage's steps, as a run of the stage makes them."""
    module = clip.model.to(device, memory_format=torch.channels_last)
    if wanted.grad_checkpointing:
        checkpoint_activations(module)
    optimizer = make_optimizer(module, wanted, device)
    model = torch.compile(module) if wanted.compile else module
    return Stepper(module, model, make_loss(wanted, 0, 1), optimizer, wanted, DistributedContext(0, 1, device))


def measured(steps: Callable[[int], object], batch: int) -> tuple[float, float]:
    """Samples a second of `steps`(how many), and the peak memory of the GPU in GiB."""
    count = TIMED // batch
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    steps(WARM)
    torch.cuda.synchronize()
    began = time.perf_counter()
    steps(count)
    torch.cuda.synchronize()
    rate = count * batch / (time.perf_counter() - began)
    return rate, torch.cuda.max_memory_allocated() / 2**30


def ours(made: Made, size: int, wanted: Params) -> tuple[float, float]:
    """The stage's step."""
    one = stepper(build(MODEL, "none", 0), "cuda", wanted)
    batch = made.batch(size)
    return measured(lambda count: [one.step(batch) for _ in range(count)], size)


class Repeated:
    """One batch, `count` times, as open_clip_train's loader."""

    def __init__(self, batch: list[Any], count: int) -> None:
        self.batch, self.num_batches, self.num_samples = batch, count, count * len(batch[0])

    def __iter__(self) -> Iterator[list[Any]]:
        return iter([self.batch] * self.num_batches)


def theirs(made: Made, size: int, wanted: Params) -> tuple[float, float]:
    """open_clip_train's own epoch, of the same model and batch."""
    module = build(MODEL, "none", 0).model.to("cuda")
    module.output_dict = True
    if wanted.grad_checkpointing:
        checkpoint_activations(module)
    groups = weight_groups(module, wanted.weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=wanted.lr, betas=(wanted.beta1, wanted.beta2), eps=wanted.eps)
    args = SimpleNamespace(
        device="cuda",
        precision=wanted.precision,
        accum_freq=wanted.accumulate,
        batch_size=size // wanted.accumulate,
        skip_scheduler=True,
        distill=False,
        grad_clip_norm=1.0,
        rank=0,
        world_size=1,
        log_every_n_steps=1000,
        wandb=False,
        horovod=False,
    )
    batch, loss = made.batch(size // wanted.accumulate)[:2], ClipLoss()

    def steps(count: int) -> None:
        loader = Repeated(batch, count * wanted.accumulate)
        data = {"train": SimpleNamespace(dataloader=loader, set_epoch=lambda epoch: None)}
        train_one_epoch(module, data, loss, 0, optimizer, None, None, None, args)

    return measured(steps, size)


def beside(made: Made, size: int, words: str = "", peer: bool = True, **changes: Any) -> None:
    """Report the rate of a step; without `peer`, beside no other."""
    wanted = params(**changes)
    rate, memory = ours(made, size, wanted)
    other, their_memory = theirs(made, size, wanted) if peer else (None, 0.0)
    note = f"{MODEL}, {wanted.precision}, batch {size}{words}; {memory:.1f} GiB of the GPU"
    note += f", open_clip's own {their_memory:.1f}" if peer else ""
    report("training step", rate, other, 1.0 if peer else 0.0, note, unit="samples/s", at_least=True)


def losses(device: str, made: Made, wanted: Params, count: int, size: int) -> tuple[list[float], Any]:
    """Losses of the first `count` steps, and the weights after them."""
    one = stepper(build(MODEL, "none", 0), device, wanted)
    found = [float(one.step(made.batch(size, size * number))[0]) for number in range(count)]
    return found, {name: value.cpu() for name, value in one.module.state_dict().items()}


def apart(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The largest difference between two sets of weights."""
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


def agreement(made: Made) -> None:
    """Whether the GPU learns what the CPU learns, and the same every time."""
    wanted = params(precision="fp32", lr=1e-5)
    here, there = (losses(device, made, wanted, 5, 32)[0] for device in ("cpu", "cuda"))
    worst = max(abs(a - b) / abs(a) for a, b in zip(here, there, strict=True))
    report("loss on the GPU", worst, None, 1e-4, f"relative to the CPU's, first 5 steps, fp32: {here}", unit="1")
    for precision in ("fp32", "amp_bf16"):
        for exact in (False, True):
            torch.use_deterministic_algorithms(exact)
            one, two = (losses("cuda", made, params(precision=precision), 6, 256)[1] for _ in range(2))
            torch.use_deterministic_algorithms(False)
            note = f"{precision}, 6 steps twice, {'' if exact else 'not '}deterministic: largest difference of a weight"
            report("training repeats", apart(one, two), None, 0.0 if exact else 1.0, note, unit="1")


def embedding(name: str, size: int) -> None:
    """The stage's image tower, beside itself in bf16."""
    clip = build(name, "none", 0)
    made = Made(clip, size)
    expected = clip.model.eval().encode_image(made.pixels[:8], normalize=True).detach()
    tower = image_tower(clip, size, "cuda")

    def half(pixels: Any) -> Any:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            return tower(pixels)

    with torch.inference_mode():
        full, bf16 = torch.from_numpy(tower(made.pixels)), torch.from_numpy(half(made.pixels))
        error = float((full[:8] - expected).abs().max())
        report("embedding", error, None, 1e-4, f"{name}, fp32: largest difference from the CPU's vectors", unit="1")
        rate, memory = measured(lambda count: [tower(made.pixels) for _ in range(count)], size)
        fast, less = measured(lambda count: [half(made.pixels) for _ in range(count)], size)
    cosine = torch.nn.functional.cosine_similarity(full, bf16).min()
    note = f"{name}, fp32, batch {size}; {memory:.1f} GiB of the GPU"
    report("embedding", rate, None, 0.0, note, unit="images/s", at_least=True)
    note = f"{name}, bf16 against fp32; least cosine of the two {cosine:.6f}; {less:.1f} GiB of the GPU"
    report("embedding", fast, rate, 1.0, note, unit="images/s", at_least=True)


def training(made: Made) -> None:
    """Steps of the sizes and settings that the parameters give."""
    for size in (256, 1024, 2048):
        beside(made, size)
    beside(made, 1024, ", checkpointing", grad_checkpointing=True)
    beside(made, 2048, ", in 4 parts", accumulate=4)
    for size in (256, 1024):
        beside(made, size, precision="fp32")
    torch.use_deterministic_algorithms(True)
    beside(made, 1024, ", deterministic", peer=False)
    torch.use_deterministic_algorithms(False)
    beside(made, 1024, ", compiled", peer=False, compile=True)


def main() -> None:
    """Print what the GPU does, or nothing without one."""
    if not torch.cuda.is_available():
        return
    pick_device("cuda")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses to be deterministic
    logging.disable(logging.INFO)
    made = Made(build(MODEL, "none", 0), LARGEST)
    agreement(made)
    embedding("ViT-B-32", 512)
    embedding("ViT-L-14", 256)
    training(made)


if __name__ == "__main__":
    main()
