"""The loader and the training step against open_clip's own, on the same shards, model and batch; memory; and, where
there is a GPU, ViT-B/32 at the paper's batch against the rate published for an A100-40GB."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks import report
from stages.common.data.files import jpeg, read_yaml
from stages.common.data.tars import write_tar
from stages.common.models.clip import Clip, build, save
from stages.common.paths import DATASET_DIR, TIMINGS_DIR
from stages.common.stage.params import load_params
from stages.demo.script import caption, drawn
from stages.demo.tissue import paint
from stages.quiltnet.loader import Loader, SampleView, as_bytes, as_numbers
from stages.quiltnet.samples import batches_of, order_of, read_samples

SIDE = 320  # pixels
A100 = 850  # samples a second, ViT-B/32, of LAION's scaling runs
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # bf16 operations a second
ROUNDS = 3  # of each loader in turn
PAIRS = 1_017_712


@dataclass(frozen=True)
class Setup:
    """One training that both run."""

    model: str
    device: str
    precision: str
    images: int
    shards: int
    batch: int
    epochs: int
    workers: int


def write_shards(folder: Path, setup: Setup) -> None:
    """Tiles of drawn tissue with a caption each, in the dataset's form."""
    rng = np.random.default_rng(0)
    slides = [(name, paint(name, 700, 700, rng)) for name in drawn()]
    for shard in range(setup.shards):
        members = {}
        for n in range(setup.images // setup.shards):
            name, slide = slides[n % len(slides)]
            top, left = rng.integers(0, 700 - SIDE, 2)
            key, text = f"{shard:02d}{n:04d}", f"{caption(name, rng)} Case {shard}-{n}."
            record = {"texts": [text], "pair_ids": [key], "text_groups": [key], "source": "quilt"}
            members[f"{key}.jpg"] = jpeg(Image.fromarray(slide[top : top + SIDE, left : left + SIDE]))
            members[f"{key}.txt"] = text.encode()
            members[f"{key}.json"] = json.dumps(record).encode()
        write_tar(folder / f"train-{shard:06d}.tar", members)


def ours(folder: Path, setup: Setup) -> dict[str, float]:
    """Samples a second of the stage's steps, the share of them that waited for data, and peak memory in MiB."""
    tree = read_yaml(Path("params.yaml"))
    tree["base"]["device"] = setup.device
    tree["quiltnet"] |= {"model": setup.model, "start": "" if ":" in setup.model else "none", "lock_text": False}
    tree["quiltnet"] |= {"batch_size": setup.batch, "epochs": setup.epochs, "workers": setup.workers, "log_steps": 1}
    tree["quiltnet"] |= {"precision": setup.precision, "crop_scale": 0.9, "color_jitter": 0.0}
    (folder / "params.yaml").write_text(json.dumps(tree))
    out = _run(folder, "stages.quiltnet")
    times = json.loads((folder / TIMINGS_DIR / "quiltnet.json").read_text())
    rate, waited = times["items"] / times["stepping"], times["waited"] / times["stepping"]
    return {"rate": rate, "waited": waited, "memory": _peak(out)}


def theirs(folder: Path, setup: Setup) -> dict[str, float]:
    """The same of open_clip's main: its own seconds a batch, and the peak memory of its process."""
    pattern = f"{folder / DATASET_DIR}/train-{{000000..{setup.shards - 1:06d}}}.tar"
    flags: dict[str, object] = {
        "model": setup.model,
        "device": setup.device,
        "precision": setup.precision,
        "train-data": pattern,
    }
    flags |= {"dataset-type": "webdataset", "train-num-samples": setup.images, "batch-size": setup.batch}
    flags |= {"epochs": setup.epochs, "workers": setup.workers, "lr": "1e-3", "warmup": 10, "grad-clip-norm": 1.0}
    flags |= {"log-every-n-steps": 1, "logs": folder / "logs"}
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    out = _run(folder, "open_clip_train.main", *words)
    steps = [float(value) for value in re.findall(r"Batch \(t\): ([\d.]+)", out)]
    return {"rate": len(steps) * setup.batch / sum(steps), "memory": _peak(out)}


PEAK = """
import atexit, resource, runpy, sys
atexit.register(lambda: print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def _run(folder: Path, *command: str) -> str:
    """Output of a module, with its peak memory at the end."""
    env = {**os.environ, "PYTHONPATH": str(Path.cwd()), "HF_HUB_OFFLINE": "1"}
    whole = [sys.executable, "-c", PEAK, *command]
    done = subprocess.run(whole, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    return done.stdout + done.stderr


def _peak(out: str) -> float:
    return int(re.findall(r"^peak (\d+)", out, re.M)[-1]) / 1024


def both(setup: Setup) -> tuple[dict[str, float], dict[str, float]]:
    """Ours and theirs, on fresh shards."""
    with tempfile.TemporaryDirectory() as name:
        write_shards(Path(name) / DATASET_DIR, setup)
        other = theirs(Path(name), setup)
        return ours(Path(name), setup), other


def loading() -> None:
    """The way of the data alone, up to numbers on this machine: read, decode, augment, tokenize, stack."""
    setup = Setup("ViT-B-32", "cpu", "fp32", 2048, 8, 256, 1, 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shards(folder, setup)
        clip = build(setup.model, "none", 0)
        rates = [(our_loader(folder, clip, setup), their_loader(folder, clip, setup)) for _ in range(ROUNDS)]
    mine, other = (max(one) for one in zip(*rates, strict=True))
    note = f"{setup.model}'s pixels and tokens, batch {setup.batch}, {setup.workers} workers; best of {ROUNDS} rounds"
    report("loader samples/s", mine, other, 1.0, note, unit="1/s", at_least=True)


def our_loader(folder: Path, clip: Clip, setup: Setup) -> float:
    """Samples a second."""
    samples = read_samples(folder, "train")
    transform = clip.transform(scale=(0.9, 1.0))
    view = SampleView(samples, as_bytes(transform), clip.tokenizer, 0, True)
    loader = Loader({"train": view}, setup.workers, setup.batch)
    mean, std = (torch.tensor(clip.preprocess[key]).view(3, 1, 1) for key in ("mean", "std"))
    began, count = time.perf_counter(), 0
    for pixels, *_ in loader.batches("train", 0, batches_of(order_of(samples, 0, 0), setup.batch)):
        count += len(as_numbers(pixels, mean, std))
    return count / (time.perf_counter() - began)


def their_loader(folder: Path, clip: Clip, setup: Setup) -> float:
    """The same of open_clip_train's reader of shards."""
    from open_clip_train.data import get_wds_dataset

    args = Namespace(
        train_data=f"{folder}/train-{{000000..{setup.shards - 1:06d}}}.tar",
        train_num_samples=setup.images,
        train_data_upsampling_factors=None,
        seed=0,
        world_size=1,
        workers=setup.workers,
        batch_size=setup.batch,
    )
    data = get_wds_dataset(args, clip.transform(scale=(0.9, 1.0)), True, tokenizer=clip.tokenizer)
    began = time.perf_counter()
    count = sum(len(pixels) for pixels, _ in data.dataloader)
    return count / (time.perf_counter() - began)


def on_cpu() -> None:
    """The demo's towers, nothing locked."""
    quiltnet, _ = load_params("quiltnet")
    with tempfile.TemporaryDirectory() as name:
        save(build(quiltnet.model, quiltnet.start, 0), Path(name))
        mine, other = both(Setup(f"local-dir:{name}", "cpu", "fp32", 512, 4, 64, 2, 1))
    note = "demo towers, fp32, batch 64, 2 x 512 samples, 1 worker"
    report("training samples/s", mine["rate"], other["rate"], 1.0, note, unit="1/s", at_least=True)
    note = f"main process; open_clip's own {other['memory']:.0f} MiB"
    report("training memory", mine["memory"], None, 6 * 1024, note, unit="MiB")


def on_gpu(card: str) -> None:
    """ViT-B/32 in bf16 at the paper's batch."""
    mine, other = both(Setup("ViT-B-32", "cuda", "amp_bf16", 32768, 32, 1024, 2, 12))
    peak = next((value for name, value in PEAKS.items() if name in card), float("nan"))
    used = 3 * mine["rate"] * flops_of_pair("ViT-B-32") / peak
    note = f"{card}; {used:.1%} of its peak; {PAIRS / mine['rate'] / 60:.1f} minutes an epoch of {PAIRS} pairs"
    report("GPU samples/s against open_clip", mine["rate"], other["rate"], 1.0, note, unit="1/s", at_least=True)
    report("GPU samples/s against an A100", mine["rate"], A100, 1.3, note, unit="1/s", at_least=True)
    report("GPU waiting for data", mine["waited"], None, 0.05, f"{card}, 12 workers", unit="1")


def flops_of_pair(model: str) -> float:
    """Operations of one image and one text going forward; a training step has three times as many."""
    from torch.utils.flop_counter import FlopCounterMode

    clip = build(model, "none", 0)
    pixels: Any = torch.zeros(1, 3, clip.image_size, clip.image_size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        clip.model.train()(pixels, clip.tokenizer(["a slide"]))
    return float(counter.get_total_flops())


def main() -> None:
    """Print what this machine can measure."""
    loading()
    on_cpu()
    if torch.cuda.is_available():
        on_gpu(torch.cuda.get_device_name())


if __name__ == "__main__":
    main()
