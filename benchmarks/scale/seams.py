"""Runs one stage of the pipeline with its expensive work replaced by `results.py` and `images.py`:
`python -m benchmarks.scale.seams keyframes`, in the folder of a made-up run. All else is the stage's own: its command,
its parameters, the runner with its worker processes, manifests, tables, metrics."""

import importlib
import runpy
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.scale import images, results

# By stage: the module in which a function is looked up, its name there, and what takes its place.
SEAMS: dict[str, list[tuple[str, str, Callable[..., Any]]]] = {
    "videos": [
        ("stages.videos.catalog", "_listed", results.listed),
        ("stages.videos.verdicts", "prescreen", results.prescreen),
        ("stages.videos.fetch", "fetch", results.fetch),
    ],
    "keyframes": [
        ("stages.keyframes.work", "keyframes", results.keyframes),
        ("stages.keyframes.sheet", "sheet", results.sheet),
    ],
    "transcripts": [("stages.transcripts.work", "transcript", results.transcript)],
    "rois": [("stages.rois.work", "rois", results.rois)],
    "captions": [("stages.captions.work", "captions", results.captions)],
    "sources": [
        ("stages.sources.collect", "filter_batch", images.filter_batch),
        ("stages.sources.laion", "download_all", images.download_all),
    ],
    "fingerprints": [("stages.fingerprints.work", "_write_rows", images.write_rows)],
}


def run(stage: str, *arguments: str) -> None:
    """Run a stage in this process as `python -m stages.STAGE` does."""
    for module, name, made_up in SEAMS.get(stage, []):
        setattr(importlib.import_module(module), name, made_up)
    sys.argv = [f"stages.{stage}", *arguments]
    runpy.run_module(f"stages.{stage}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run(*sys.argv[1:])
