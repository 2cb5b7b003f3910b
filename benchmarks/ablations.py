"""What fine-tuning, each source and masking add: five trainings of the demo's model and of each variant.

It takes most of an hour on two cores and is not part of `make bench`: run `dvc repro` first, then this.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from stages.common.data.references import ImageReader
from stages.common.evalsets.protocol import Protocol, read_protocol
from stages.common.models.clip import Clip, build, load
from stages.common.models.embed import embed_classes, embed_images, embed_texts
from stages.common.paths import DATASET_DIR, EMBEDDINGS_DIR
from stages.common.ranks import ranks_of
from stages.common.stage.params import load_params
from stages.demo.script import narration
from stages.evaluation.linear_probe import probe_set
from stages.evaluation.sets import Labelled, paired
from stages.quiltnet.distributed import DistributedContext
from stages.quiltnet.train import Places, train

SEEDS = range(5)
T = 2.776  # Student's t for an interval of 95 % from five values
WHERE = {  # evalset and prompt of the tissue that one source alone shows
    "atrophic_glands": ("sicapv2", "atrophic dense glands"),
    "cartilage": ("skin_cancer", "chondral tissue"),
    "skeletal_muscle": ("skin_cancer", "skeletal muscle"),
    "sebaceous": ("skin_cancer", "sebaceous glands"),
}


def trained(seed: int, **changes: Any) -> Clip:
    """The demo's model of a seed, with changed parameters."""
    params, _ = load_params("quiltnet")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        files = [home / part for part in ("model", "state", "m.json", "curve.csv", "live/quiltnet")]
        quiet = params.model_copy(update={"log_steps": 10**6, **changes})
        train(quiet, Places(DATASET_DIR, *files), DistributedContext(0, 1, "cpu"), seed)
        return load(home / "model")


def measured(clip: Clip, protocol: Protocol, tables: dict[str, Any]) -> dict[str, float]:
    """Zero-shot, probe at 1 % and retrieval, and the recall of each tissue that one source alone shows."""
    params, base = load_params("evaluation")
    found: dict[str, Any] = {"zero_shot": [], "probe": [], "retrieval": []}
    recalls: dict[str, float] = {}
    for name, table in tables.items():
        evalset = protocol.evalsets[name]
        if evalset.pairs:
            continue
        rows = table[table.label >= 0].reset_index(drop=True)
        image = embed_images(clip, rows.path.tolist(), ImageReader().read, 64, "cpu", base.jobs)
        names = list(evalset.classes.values())
        one = Labelled(image, embed_classes(clip, protocol.prompts_of(name), 64, "cpu"), rows)
        test = one.rows_of("test")
        right = (one.image[test] @ one.text.T).argmax(1) == one.label[test]
        per_class = [float(right[one.label[test] == number].mean()) for number in range(len(names))]
        found["zero_shot"].append(np.mean(per_class))
        probes, _ = probe_set(name, {"tuned": one}, params, "balanced_accuracy", 0)
        found["probe"].append(probes["tuned"]["0.01"].score.value)
        recalls |= {t: per_class[names.index(prompt)] for t, (where, prompt) in WHERE.items() if where == name}
    for image, text, matches in _pairs(clip, base.jobs):
        found["retrieval"] += [ranks_of(image, text, matches).within(1).mean()]
        found["retrieval"] += [ranks_of(text, image, matches[:, ::-1]).within(1).mean()]
    return {name: float(np.mean(values)) for name, values in found.items()} | recalls


def _pairs(clip: Clip, jobs: int) -> Any:
    """Vectors and matches of the held-out pairs and of ARCH."""
    import pandas as pd

    for name, read in (("held_out", ImageReader().read), ("arch", ImageReader().read)):
        table = pd.read_parquet(EMBEDDINGS_DIR / "sets" / f"{name}.parquet")
        image = embed_images(clip, table.path.unique().tolist(), read, 64, "cpu", jobs)
        text = embed_texts(clip, sorted(table.text.unique()), 64, "cpu")
        yield image, text, paired(EMBEDDINGS_DIR, "start", name).matches


def interval(rows: list[dict[str, float]], name: str) -> tuple[float, float, float]:
    """Mean over seeds and its 95 % interval."""
    values = [row[name] for row in rows]
    half = T * np.std(values, ddof=1) / len(values) ** 0.5
    return float(np.mean(values)), float(np.mean(values) - half), float(np.mean(values) + half)


def main() -> None:
    """Print every mean with its interval, then what the issue asks of them."""
    evaluation, _ = load_params("evaluation")
    quiltnet, _ = load_params("quiltnet")
    protocol, tables = read_protocol(evaluation.protocol, evaluation.evalsets)
    only = narration()["only_in"]
    variants: dict[str, dict[str, Any]] = {
        "tuned": {},
        "scratch": {"start": "none"},
        "copies_as_negatives": {"distinct": False},
    }
    variants |= {f"without_{source}": {"subset": f"source != '{source}'"} for source in only.values()}
    rows: dict[str, list[dict[str, float]]] = {"start": []}
    for seed in SEEDS:
        rows["start"].append(measured(build(quiltnet.model, quiltnet.start, seed), protocol, tables))
        for name, changes in variants.items():
            locked = {"lock_text": False} if name == "scratch" else {}
            rows.setdefault(name, []).append(measured(trained(seed, **changes, **locked), protocol, tables))
            print(json.dumps({"seed": seed, "variant": name, **rows[name][-1]}), flush=True)
    for name, own in rows.items():
        print(json.dumps({"variant": name, **{key: [round(v, 4) for v in interval(own, key)] for key in own[0]}}))
    for task in ("zero_shot", "probe", "retrieval"):
        for other in ("start", "scratch"):
            low, high = interval(rows["tuned"], task)[1], interval(rows[other], task)[2]
            note = f"lower end for the tuned model less the upper end for {other}, {len(SEEDS)} seeds"
            report(f"{task}: tuned over {other}", low - high, None, 0.0, note, unit="1", at_least=True)
    for tissue, source in only.items():
        low, high = interval(rows["tuned"], tissue)[1], interval(rows[f"without_{source}"], tissue)[2]
        note = f"recall of what only {source} shows, with it and without"
        report(f"leaving {source} out", low - high, None, 0.0, note, unit="1", at_least=True)


if __name__ == "__main__":
    main()
