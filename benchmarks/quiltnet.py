"""The training step against open_clip's own training, on the same shards, model and batch; and its memory."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from benchmarks import report
from stages.common.clip import build, save
from stages.common.files import jpeg, write_tar
from stages.common.params import load
from stages.demo.script import caption, drawn
from stages.demo.tissue import paint

IMAGES, SHARDS, SIDE = 512, 4, 320
BATCH, EPOCHS, WORKERS = 64, 2, 1


def shards(folder: Path) -> None:
    """IMAGES tiles of drawn tissue with a caption each, in the dataset's form."""
    rng = np.random.default_rng(0)
    slides = [(name, paint(name, 700, 700, rng)) for name in drawn()]
    for shard in range(SHARDS):
        members = {}
        for n in range(IMAGES // SHARDS):
            name, slide = slides[n % len(slides)]
            top, left = rng.integers(0, 700 - SIDE, 2)
            key, text = f"{shard:02d}{n:04d}", f"{caption(name, rng)} Case {shard}-{n}."
            record = {"texts": [text], "pair_ids": [key], "text_groups": [key], "source": "quilt"}
            members[f"{key}.jpg"] = jpeg(Image.fromarray(slide[top : top + SIDE, left : left + SIDE]))
            members[f"{key}.txt"] = text.encode()
            members[f"{key}.json"] = json.dumps(record).encode()
        write_tar(folder / f"train-{shard:06d}.tar", members)


def ours(folder: Path, model: str) -> tuple[float, float]:
    """Samples a second of the stage's steps, and its peak memory in MiB."""
    tree = yaml.safe_load(Path("params.yaml").read_text())
    tree["quiltnet"] |= {"model": f"local-dir:{model}", "start": "", "lock_text": False, "epochs": EPOCHS}
    tree["quiltnet"] |= {
        "batch_size": BATCH,
        "workers": WORKERS,
        "log_steps": 1,
        "crop_scale": 0.9,
        "color_jitter": 0.0,
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))
    out = _run(folder, "", "stages.quiltnet")
    times = json.loads((folder / "reports/timings/quiltnet.json").read_text())
    return times["items"] / times["stepping"], _peak(out)


def theirs(folder: Path, model: str) -> tuple[float, float]:
    """The same of open_clip's main: its own seconds a batch, and the peak memory of its process."""
    pattern = f"{folder}/data/dataset/train-{{000000..{SHARDS - 1:06d}}}.tar"
    command = ["open_clip_train.main", "--model", f"local-dir:{model}", "--device", "cpu"]
    command += ["--train-data", pattern, "--dataset-type", "webdataset", "--train-num-samples", str(IMAGES)]
    command += ["--batch-size", str(BATCH), "--epochs", str(EPOCHS), "--workers", str(WORKERS), "--precision", "fp32"]
    command += ["--lr", "1e-3", "--warmup", "10", "--log-every-n-steps", "1", "--grad-clip-norm", "1.0"]
    command += ["--logs", str(folder / "logs")]
    out = _run(folder, GROUPING, *command)
    steps = [float(value) for value in re.findall(r"Batch \(t\): ([\d.]+)", out)]
    return len(steps) * BATCH / sum(steps), _peak(out)


# webdataset 0.2.111 gives members besides files, which open_clip's grouping does not know.
GROUPING = """
import open_clip_train.data as data
group = data.group_by_keys_nothrow
data.group_by_keys_nothrow = lambda members, **more: group((m for m in members if "fname" in m), **more)
"""
PEAK = """
import atexit, resource, runpy, sys
atexit.register(lambda: print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def _run(folder: Path, before: str, *command: str) -> str:
    """Output of a module, run after the code `before`, with its peak memory at the end."""
    env = {**os.environ, "PYTHONPATH": str(Path.cwd()), "HF_HUB_OFFLINE": "1"}
    whole = [sys.executable, "-c", before + PEAK, *command]
    done = subprocess.run(whole, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    return done.stdout + done.stderr


def _peak(out: str) -> float:
    found = re.findall(r"^peak (\d+)", out, re.M)
    return int(found[-1]) / 1024


def main() -> None:
    """Print both figures."""
    quiltnet, _ = load("quiltnet")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(build(quiltnet.model, quiltnet.start, 0), folder / "start")
        shards(folder / "data" / "dataset")
        other, their_memory = theirs(folder, str(folder / "start"))
        mine, memory = ours(folder, str(folder / "start"))
    note = f"demo towers, fp32, batch {BATCH}, {EPOCHS} x {IMAGES} samples, {WORKERS} worker"
    report("training samples/s", mine, other, 1.0, note, unit="1/s", at_least=True)
    note = f"main process; open_clip's own {their_memory:.0f} MiB"
    report("training memory", memory, None, 6 * 1024, note, unit="MiB")


if __name__ == "__main__":
    main()
