"""Measure the models before and after fine-tuning: zero_shot, linear_probe or retrieval, from data/embeddings."""

from pathlib import Path
from typing import Any

from stages.common.cli import run_stage
from stages.common.params import Base
from stages.evaluation.params import Params

EMBEDDINGS, METRICS, REPORTS = Path("data/embeddings"), Path("reports/metrics"), Path("reports/evaluation")


def make(block: Params, base: Base, task: str) -> dict[str, Any]:
    """Run one task over both models; write its metrics and its tables."""
    from stages.common.evalsets import load_protocol
    from stages.common.files import write_json
    from stages.evaluation.load import MODELS, load_set

    protocol = load_protocol(block.protocol)
    names = _held_out() if task == "retrieval" else list(protocol.evalsets)
    sets = {model: {name: load_set(EMBEDDINGS, model, name) for name in names} for model in MODELS}
    metrics = {"zero_shot": _zero_shot, "linear_probe": _linear_probe, "retrieval": _retrieval}[task](
        sets, protocol, block, base.seed
    )
    write_json(METRICS / f"{task}.json", metrics)
    return {"items": len(MODELS) * len(names), "sets": len(names)}


def _held_out() -> list[str]:
    """The held-out pairs are a set of their own; a dataset too small to have a test split leaves none to measure."""
    none = EMBEDDINGS.exists() and not any(EMBEDDINGS.glob("*/held_out.safetensors"))
    return [] if none else ["held_out"]


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    import pandas as pd

    from stages.common.files import write_bytes

    write_bytes(path, pd.DataFrame(rows).to_csv(index=False, float_format="%.6g").encode())


def _zero_shot(sets: dict[str, Any], protocol: Any, block: Params, seed: int) -> dict[str, Any]:
    """Metrics of every model and set and their mean; the tuned model's decisions as tables for confusion plots."""
    from stages.evaluation.zero_shot import confusion, mean_over_sets, zero_shot

    metrics: dict[str, Any] = {}
    for model, own in sets.items():
        metrics[model] = {name: zero_shot(arrays, block, seed) for name, arrays in own.items()}
        metrics[model]["mean"] = mean_over_sets(own, block, seed)
    for name, arrays in sets["tuned"].items():
        rows = confusion(arrays, list(protocol.evalsets[name].classes.values()))
        _write_table(REPORTS / "zero_shot" / f"{name}.csv", [{"actual": a, "predicted": p} for a, p in rows])
    return metrics


def _linear_probe(sets: dict[str, Any], protocol: Any, block: Params, seed: int) -> dict[str, Any]:
    """Metrics of every model, set and fraction, and their means over sets."""
    from stages.evaluation.linear_probe import linear_probe

    metrics = {
        model: {name: linear_probe(arrays, block, seed) for name, arrays in own.items()} for model, own in sets.items()
    }
    rows = [
        {"model": model, "set": name, "fraction": fraction, **marks}
        for model, own in metrics.items()
        for name, one in own.items()
        for fraction, marks in one.items()
    ]
    _write_table(REPORTS / "linear_probe" / "probes.csv", rows)
    for own in metrics.values():
        fractions = list(next(iter(own.values())))
        own["mean"] = {f: {"mean": sum(one[f]["mean"] for one in own.values()) / len(own)} for f in fractions}
    return metrics


def _retrieval(sets: dict[str, Any], protocol: Any, block: Params, seed: int) -> dict[str, Any]:
    """Recall at k both ways over the held-out pairs."""
    from stages.evaluation.retrieval import retrieval

    metrics = {
        model: {
            name: retrieval(one["image"], one["text"], one["matches"], block.recall_at) for name, one in own.items()
        }
        for model, own in sets.items()
    }
    rows = [
        {"model": model, "set": name, "direction": way, **marks}
        for model, own in metrics.items()
        for name, one in own.items()
        for way, marks in one.items()
    ]
    _write_table(REPORTS / "retrieval" / "recall.csv", rows)
    return metrics


if __name__ == "__main__":
    run_stage("evaluation", make, __doc__, choices=("zero_shot", "linear_probe", "retrieval"))
