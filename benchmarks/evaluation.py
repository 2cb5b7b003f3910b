"""Zero-shot, probe features and retrieval against clip-benchmark: the same numbers, in less time and memory.

The model is the one that `dvc repro` made.
"""

import contextlib
import io
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks import report
from stages.common.data.files import jpeg
from stages.common.evalsets.protocol import Evalset, Protocol, load_protocol
from stages.common.models.clip import Clip
from stages.common.models.clip import load as load_clip
from stages.common.models.embed import embed_classes, embed_images, embed_texts
from stages.common.paths import QUILTNET_DIR
from stages.common.ranks import ranks_of
from stages.common.stage.params import load_params
from stages.demo.script import drawn, narration
from stages.demo.tissue import paint
from stages.evaluation.linear_probe import probe_set
from stages.evaluation.retrieval import retrieval
from stages.evaluation.sets import Labelled, Paired
from stages.evaluation.zero_shot import classify, zero_shot

IMAGES, CLASSES, SIDE = 5000, 8, 224
HELD_OUT = 13559  # pairs of the paper's hold-out
RECALL_AT = (1, 50, 200)
BATCH = 64


class Cpu(str):
    """The device "cpu", which clip-benchmark's probe takes for the GPU it asks for."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True


def folder(root: Path) -> pd.DataFrame:
    """Write IMAGES tiles of CLASSES drawn tissues; return their table, half of each class to learn from."""
    rows = []
    names = drawn()[:CLASSES]
    for number, name in enumerate(names):
        rng = np.random.default_rng(number)
        slide = paint(name, 900, 900, rng)
        (root / name).mkdir(parents=True)
        for n in range(IMAGES // CLASSES):
            top, left = rng.integers(0, 900 - SIDE, 2)
            path = root / name / f"{n:04d}.jpg"
            path.write_bytes(jpeg(Image.fromarray(slide[top : top + SIDE, left : left + SIDE])))
            split = ("train", "test")[n % 2]
            rows.append((path.as_posix(), number, split, "", f"{narration()['tissues'][name]['name']}, field {n}"))
    return pd.DataFrame(rows, columns=["path", "label", "split", "institution", "text"])


def ours(clip: Clip, table: pd.DataFrame, protocol: Protocol, evalset: Evalset) -> dict[str, Any]:
    """All three tasks on vectors that are made once."""
    params, base = load_params("evaluation")
    image = embed_images(clip, table.path.tolist(), lambda path: Path(path).read_bytes(), BATCH, "cpu", base.jobs)
    classes = embed_classes(clip, protocol.prompts_of("set"), BATCH, "cpu")
    one = Labelled(image, classes, table)
    scores = zero_shot({"set": classify({"start": one}, evalset)}, protocol, params.bootstrap, 0)["start"]["set"]
    probes, _ = probe_set("set", {"start": one}, params, "accuracy", 0)
    text = embed_texts(clip, table.text.tolist(), BATCH, "cpu")
    pairs = np.stack([np.arange(len(table))] * 2, 1)
    found = retrieval({"start": Paired(image, text, pairs)}, RECALL_AT, params.bootstrap, 0)["start"]
    return {"scores": scores, "probe": probes["start"]["1"].score.value, "image": image, "retrieval": found}


def theirs(clip: Clip, table: pd.DataFrame, protocol: Protocol, evalset: Evalset, scratch: Path) -> dict[str, Any]:
    """clip-benchmark's three tasks: its own loops over a DataLoader, its probe without a search of weight decays."""
    import torch
    from clip_benchmark.metrics import linear_probe as probes
    from clip_benchmark.metrics import zeroshot_classification, zeroshot_retrieval

    zeroshot_classification.accuracy = probes.accuracy = _accuracy

    class Pictures(torch.utils.data.Dataset):
        def __init__(self, rows: pd.DataFrame, answer: str) -> None:
            self.paths, self.answers, self.transform = rows.path.tolist(), rows[answer].tolist(), clip.transform()
            self.classes, self.templates = list(evalset.classes.values()), protocol.templates

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, n: int) -> tuple[Any, Any]:
            return self.transform(Image.open(self.paths[n]).convert("RGB")), self.answers[n]

    def batches(rows: pd.DataFrame, answer: str) -> Any:
        collate = _with_texts if answer == "text" else None
        data = Pictures(rows, answer)
        return torch.utils.data.DataLoader(data, batch_size=BATCH, num_workers=2, collate_fn=collate)

    learn, test = (table[table.split == name] for name in ("train", "test"))
    model, names = clip.model.eval(), list(evalset.classes.values())
    scores = zeroshot_classification.evaluate(
        model, batches(test, "label"), clip.tokenizer, names, protocol.templates, "cpu", amp=False
    )
    with _without_gpu(torch):
        probe = probes.evaluate(
            model, batches(learn, "label"), batches(test, "label"), -1, BATCH, 0, 0.1, 10, "model", 0,
            str(scratch), Cpu("cpu"), amp=False,
        )  # fmt: skip
    features = {name: torch.load(scratch / "model" / f"features_{name}.pt").numpy() for name in ("train", "test")}
    found = zeroshot_retrieval.evaluate(
        model, batches(table, "text"), clip.tokenizer, "cpu", amp=False, recall_k_list=list(RECALL_AT)
    )
    return {"scores": scores, "probe": float(probe["lp_acc1"]), "features": features, "retrieval": found}


def _accuracy(output: Any, target: Any, topk: tuple[int, ...] = (1,)) -> list[float]:
    """clip-benchmark's own function, which numpy 2.4 no longer runs: share of answers among the `topk` first."""
    order = output.topk(max(topk), 1)[1]
    return [float((order[:, :k] == target.view(-1, 1).to(order.dtype)).any(1).float().mean()) for k in topk]


def _with_texts(rows: list[tuple[Any, str]]) -> tuple[Any, list[list[str]]]:
    import torch

    return torch.stack([pixels for pixels, _ in rows]), [[text] for _, text in rows]


@contextlib.contextmanager
def _without_gpu(torch: Any) -> Any:
    """`.cuda()` stays where it is, and no precision is mixed: clip-benchmark's probe knows nothing but GPUs."""
    kept = torch.nn.Module.cuda, torch.Tensor.cuda, torch.autocast
    torch.nn.Module.cuda = torch.Tensor.cuda = lambda self, *_, **__: self
    torch.autocast = lambda *_, **__: contextlib.nullcontext()
    try:
        yield
    finally:
        torch.nn.Module.cuda, torch.Tensor.cuda, torch.autocast = kept


def compare(scratch: Path) -> None:
    """The same numbers, and the time for them."""
    clip = load_clip(QUILTNET_DIR)
    table = folder(scratch / "images")
    names = drawn()[:CLASSES]
    words = {str(number): narration()["tissues"][name]["name"] for number, name in enumerate(names)}
    evalset = Evalset(loader="table", root="", sub_pathology="", classes=words)
    protocol = load_protocol("protocols/demo.yaml").model_copy(update={"evalsets": {"set": evalset}})
    (scratch / "theirs").mkdir()
    began = time.perf_counter()
    mine = ours(clip, table, protocol, evalset)
    between = time.perf_counter()
    quiet = contextlib.redirect_stdout(io.StringIO())
    with quiet, contextlib.redirect_stderr(io.StringIO()):
        other = theirs(clip, table, protocol, evalset, scratch / "theirs")
    after = time.perf_counter()
    note = f"probe accuracy {mine['probe']:.4f} (scikit-learn) against {other['probe']:.4f} (its SGD)"
    report("three tasks, 5,000 images", between - began, after - between, 0.4, note)
    for name, their in (("accuracy", "acc1"), ("balanced_accuracy", "mean_per_class_recall")):
        apart = abs(mine["scores"][name] - float(other["scores"][their]))
        report(f"zero-shot {name}", apart, None, 1e-4, f"{mine['scores'][name]:.4f}, difference", unit="1")
    apart = 0.0
    for split, features in other["features"].items():
        apart = max(apart, float(np.abs(mine["image"][table.split == split] - features).max()))
    report("probe features", apart, None, 1e-4, "largest difference of a component", unit="1")
    for way, their in (("image_to_text", "text_retrieval"), ("text_to_image", "image_retrieval")):
        gaps = [abs(mine["retrieval"][way][f"r{k}"] - other["retrieval"][f"{their}_recall@{k}"]) for k in RECALL_AT]
        values = ", ".join(f"{mine['retrieval'][way][f'r{k}']:.4f}" for k in RECALL_AT)
        report(f"retrieval {way}", max(gaps), None, 1e-4, f"R@1, 50, 200 = {values}; largest difference", unit="1")


def memory() -> None:
    """Peak of the paper's hold-out, beyond the vectors themselves."""
    rng = np.random.default_rng(0)
    image, text = (rng.standard_normal((HELD_OUT, 512)).astype(np.float32) for _ in range(2))
    pairs = np.stack([np.arange(HELD_OUT)] * 2, 1)
    tracemalloc.start()
    began = time.perf_counter()
    ranks_of(image, text, pairs)
    spent = time.perf_counter() - began
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    report("retrieval memory", peak, None, 200, f"{HELD_OUT} x {HELD_OUT}, exact ranks, {spent:.1f} s", unit="MiB")


if __name__ == "__main__":
    memory()
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name))
    sys.stdout.flush()
