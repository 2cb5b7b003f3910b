"""Measure every embedded model: zero_shot, linear_probe, retrieval or few_shot, from data/embeddings."""

import logging
from pathlib import Path
from typing import Any

from stages.common.errors import StageError
from stages.common.paths import EMBEDDINGS_DIR, EVALUATION_DIR, metrics_file
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.evaluation.params import Params

log = logging.getLogger(__name__)

TASKS = ("zero_shot", "linear_probe", "retrieval", "few_shot")
SHOWN = "tuned"  # the model whose predictions are written out


def run(params: Params, base: Base, task: str) -> dict[str, Any]:
    """Run one task over all models and sets; write its metrics and its tables."""
    from stages.common.data.files import write_json
    from stages.common.evalsets.protocol import load_protocol
    from stages.evaluation.sets import failed_of, models_of, names_of

    protocol = load_protocol(params.protocol)
    models, names = models_of(EMBEDDINGS_DIR), names_of(EMBEDDINGS_DIR, pairs=task == "retrieval")
    tasks = {
        "zero_shot": _zero_shot,
        "linear_probe": _linear_probe,
        "retrieval": _retrieval,
        "few_shot": _few_shot,
    }
    measure = tasks[task]
    metrics = measure(models, names, protocol, params, base.seed)
    of_task = {name for name, evalset in protocol.evalsets.items() if evalset.pairs == (task == "retrieval")}
    if failed := {name: why for name, why in failed_of(EMBEDDINGS_DIR).items() if name in of_task}:
        metrics["failed"] = failed
    metrics["protocol"] = {"name": protocol.name, "digest": protocol.digest, "metric": protocol.metric}
    write_json(metrics_file(task), metrics)
    counts = {"items": len(models) * len(names), "sets": len(names)}
    return counts | ({"failed": ", ".join(failed)} if failed else {})


def _write_table(path: Path, rows: Any, columns: list[str]) -> None:
    import pandas as pd

    from stages.common.data.files import write_bytes

    write_bytes(path, pd.DataFrame(rows, columns=columns).to_csv(index=False, float_format="%.6g").encode())


def _zero_shot(models: list[str], names: list[str], protocol: Any, params: Params, seed: int) -> dict[str, Any]:
    """Scores; the shown model's predictions as tables for confusion plots; its errors as a page; readers, if any."""
    from stages.common.evalsets.listing import set_folder
    from stages.evaluation.errors import write_errors
    from stages.evaluation.readers import compare_readers
    from stages.evaluation.sets import labelled
    from stages.evaluation.zero_shot import classify, prediction_rows, zero_shot

    sets = {
        name: classify({model: labelled(EMBEDDINGS_DIR, model, name) for model in models}, protocol.evalsets[name])
        for name in names
    }
    out = EVALUATION_DIR / "zero_shot"
    for name, predictions in sets.items():
        _write_table(out / f"{name}.csv", prediction_rows(predictions, SHOWN), ["image", "actual", "predicted"])
    write_errors(out / "errors.html", sets, SHOWN, params.errors, f"Zero-shot, protocol {protocol.name}")
    metrics = zero_shot(sets, protocol, params.bootstrap, seed)
    for name, predictions in sets.items():
        evalset = protocol.evalsets[name]
        if evalset.readers:
            path = set_folder(Path(params.evalsets), evalset.root) / evalset.readers
            try:
                found = compare_readers(path, predictions, evalset, params.bootstrap, seed)
            except StageError as error:
                if protocol.missing == "fail":
                    raise
                log.warning(f"evalset {name}: not compared with readers: {error}")
                continue
            metrics.setdefault("readers", {})[name] = found
    return metrics


def _linear_probe(models: list[str], names: list[str], protocol: Any, params: Params, seed: int) -> dict[str, Any]:
    """Scores of every model, set and fraction, their means over sets, and differences."""
    from tqdm import tqdm

    from stages.evaluation.linear_probe import linear_probe, probe_set
    from stages.evaluation.sets import labelled

    probes, copied = {}, {}
    for name in tqdm(names, desc="probes", unit="set"):
        evalsets = {model: labelled(EMBEDDINGS_DIR, model, name) for model in models}
        probes[name], copied[name] = probe_set(name, evalsets, params, protocol.metric, seed)
    rows = [
        {"model": model, "set": name, "fraction": fraction, **probe.metrics()}
        for name, by_model in probes.items()
        for model, by_fraction in by_model.items()
        for fraction, probe in by_fraction.items()
    ]
    columns = ["model", "set", "fraction", "mean", "mean_low", "mean_high", "std", "draws", "c"]
    _write_table(EVALUATION_DIR / "linear_probe" / "probes.csv", rows, columns)
    return {model: {} for model in models} | linear_probe(probes, copied, protocol.sub_pathologies)


def _few_shot(models: list[str], names: list[str], protocol: Any, params: Params, seed: int) -> dict[str, Any]:
    """Scores of every model and set by nearest class means and nearest neighbours."""
    from stages.evaluation.few_shot import few_shot, summaries
    from stages.evaluation.sets import labelled

    found = {
        name: few_shot(
            {model: labelled(EMBEDDINGS_DIR, model, name) for model in models}, params, protocol.metric, seed
        )
        for name in names
    }
    metrics: dict[str, Any] = {model: {} for model in models} | summaries(found, protocol.sub_pathologies)
    rows = [
        {"model": model, "set": name, "method": method, "shots": shots, **scores}
        for model in models
        for name in names
        for method, by_shots in metrics[model].get(name, {}).items()
        for shots, scores in by_shots.items()
    ]
    columns = ["model", "set", "method", "shots", "mean", "low", "high"]
    _write_table(EVALUATION_DIR / "few_shot" / "scores.csv", rows, columns)
    return metrics


def _retrieval(models: list[str], names: list[str], protocol: Any, params: Params, seed: int) -> dict[str, Any]:
    """Recall at k both ways over the sets of pairs, the dataset's held-out pairs among them."""
    from stages.evaluation.retrieval import retrieval
    from stages.evaluation.sets import paired

    merge = protocol.equal_texts == "merge"
    metrics: dict[str, Any] = {model: {} for model in models}
    for name in names:
        pairs = {model: paired(EMBEDDINGS_DIR, model, name, merge) for model in models}
        found = retrieval(pairs, params.recall_at, params.bootstrap, seed)
        value = protocol.sub_pathologies.get(name)
        for model in models:
            metrics[model][name] = found[model]
            if value:
                metrics[model].setdefault("sub_pathology", {}).setdefault(value, {})[name] = found[model]
            for place, by_model in found.get("institution", {}).items():
                metrics[model].setdefault("institution", {}).setdefault(place, {})[name] = by_model[model]
        for model, ways in found.get("difference", {}).items():
            metrics.setdefault("difference", {}).setdefault(model, {})[name] = ways
    recalls = [f"r{k}" for k in params.recall_at]
    rows = [
        {"model": model, "set": name, "direction": way, **scores}
        for model in models
        for name in names
        for way, scores in metrics[model][name].items()
    ]
    columns = ["model", "set", "direction", *recalls, "median_rank", "queries", "candidates"]
    _write_table(EVALUATION_DIR / "retrieval" / "recall.csv", rows, columns)
    return metrics


if __name__ == "__main__":
    run_stage("evaluation", run, __doc__, choices=TASKS)
