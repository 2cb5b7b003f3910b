"""What DVC is asked to do in a made-up run all of whose stages have run."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.scale.measured import Cost, measure
from benchmarks.scale.world import edit, grow

TARGETS = [
    *(
        "preflight",
        "frame_filter",
        "magnification",
        "videos",
        "keyframes",
        "transcripts",
        "rois",
        "lexicon",
        "captions",
    ),
    *("pairs", "sources@pubmed", "sources@openpath", "sources@laion", "sources@table"),
    *("fingerprints", "dataset", "audit"),
]
DVC = (sys.executable, "-m", "dvc")
REMOTE = "made-up-remote"  # folder beside the run's own
# Seconds of CPU time that each may take; only that of a repro with nothing to do is bounded.
OPERATIONS = {
    "commit": float("inf"),
    "repro": 20.0,
    "push": float("inf"),
    "one more video": float("inf"),
    "changed parameter": float("inf"),
}


def operate(name: str, folder: Path, videos: int, environment: dict[str, str]) -> Cost:
    """Do one of OPERATIONS."""
    prepare: dict[str, Callable[[], None]] = {
        "commit": lambda: _repository(folder, environment),
        "one more video": lambda: grow(folder, videos, videos + 1),
        "changed parameter": lambda: edit(folder, {"rois.min_gesture_s": 1.25}),
    }
    prepare.get(name, lambda: None)()
    commands = {
        "commit": [*DVC, "commit", "--quiet", "--force", *TARGETS],
        "repro": [*DVC, "repro", *TARGETS],
        "push": [*DVC, "push", "--quiet", *TARGETS],
        "one more video": [*DVC, "repro", "pairs"],
        "changed parameter": [*DVC, "repro", "pairs"],
    }
    return measure(commands[name], folder, environment, folder / "log.txt")


def _repository(folder: Path, environment: dict[str, str]) -> None:
    """Make a Git repository of the folder, in which DVC runs stages through `seams.py`."""
    path = folder / "dvc.yaml"
    text = path.read_text(encoding="utf-8").replace("cmd: python -m stages.", "cmd: python -m benchmarks.scale.seams ")
    path.write_text(text, encoding="utf-8")
    for command in (
        ["git", "init", "--quiet"],
        [*DVC, "remote", "add", "--force", "--default", "local", str(folder.parent / REMOTE / folder.name)],
        [*DVC, "config", "cache.type", "reflink,hardlink,copy"],
    ):
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
