"""Runs one stage of the pipeline with its expensive work replaced by `videos.py`, `results.py` and `images.py`:
`python -m benchmarks.scale.seams keyframes`, in the folder of a made-up run. All else is the stage's own: its command,
its parameters, the runner with its worker processes, manifests, tables, metrics."""

import functools
import importlib
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.scale import images, results, videos

# By stage: the module in which a function is looked up, its name there, and what takes its place.
SEAMS: dict[str, list[tuple[str, str, Callable[..., Any]]]] = {
    "videos": [
        ("stages.videos.catalog", "_listed", videos.listed),
        ("stages.videos.verdicts", "prescreen", videos.prescreen),
        ("stages.videos.fetch", "fetch", videos.fetch),
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

MAKING = Path("making.txt")  # seconds of CPU time that the making of results took, a line a call


def timed(made_up: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call a function that makes results and note what it took, which is no work of the stage's."""
    began = time.process_time()
    made = made_up(*arguments, **named)
    with MAKING.open("a") as file:
        file.write(f"{time.process_time() - began:.6f}\n")
    return made


def run(stage: str, *arguments: str) -> None:
    """Run a stage in this process as `python -m stages.STAGE` does."""
    for module, name, made_up in SEAMS.get(stage, []):
        setattr(importlib.import_module(module), name, functools.partial(timed, made_up))
    sys.argv = [f"stages.{stage}", *arguments]
    runpy.run_module(f"stages.{stage}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run(*sys.argv[1:])
