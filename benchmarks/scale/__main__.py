"""Every stage's own `run` at 500, 1,500 and 4,504 videos, Quilt-1M's number, on made-up results (`results.py`).

    python -m benchmarks.scale --videos 500 --stages captions,pairs

What is expensive is replaced (`seams.py`); the runner, manifests, tables, metrics and DVC are not. Each line says what
CPU time one stage takes an item, without the making of its results, or how much memory, at one number of videos; the
last ones how CPU time grows with it (seconds in which libraries are imported do not). A run that is broken off goes on
with the same `--folder` and the stages that are left.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks import report
from benchmarks.scale.measured import Cost, measure
from benchmarks.scale.operations import OPERATIONS, operate
from benchmarks.scale.results import EVALSET_IMAGES, IMAGES_OF_VIDEOS, OTHERS, OWN, PAIRS_OF_VIDEOS, VIDEOS
from benchmarks.scale.seams import MAKING
from benchmarks.scale.world import UNLIKE, make, scaled

SIZES = (500, 1_500, VIDEOS)
ROWS = PAIRS_OF_VIDEOS + sum(OTHERS.values()) + OWN
IMAGES = IMAGES_OF_VIDEOS + sum(OTHERS.values()) + OWN + EVALSET_IMAGES
# By command: how many items it has at VIDEOS. An item is what a row of its table is about.
ITEMS = {
    "videos": VIDEOS,
    "keyframes": VIDEOS,
    "transcripts": VIDEOS,
    "rois": VIDEOS,
    "captions": VIDEOS,
    "pairs": PAIRS_OF_VIDEOS,
    "sources pubmed": OTHERS["pubmed"],
    "sources openpath": OTHERS["openpath"],
    "sources laion": OTHERS["laion"] * UNLIKE,
    "sources table": OWN,
    "fingerprints": IMAGES,
    "dataset": ROWS,
    "audit": ROWS,
    "report": ROWS,
}
MOST_MS, MOST_GIB, MOST_GIB_OF_DATASET, MOST_GROWTH = 10.0, 2.0, 8.0, 1.1


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=_numbers, default=list(SIZES), help="numbers of videos (%(default)s)")
    parser.add_argument("--stages", type=_names, default=[*ITEMS, *OPERATIONS], help="commands (%(default)s)")
    parser.add_argument("--folder", type=Path, help="where runs are made, and stay (default: a folder that goes)")
    args = parser.parse_args()
    if unknown := sorted(set(args.stages) - {*ITEMS, *OPERATIONS}):
        parser.error(f"no command '{unknown[0]}' (known: {', '.join([*ITEMS, *OPERATIONS])})")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that what was started is ended, too
    folder = args.folder or Path(tempfile.mkdtemp(prefix="scale-"))
    try:
        costs = {videos: _costs(folder / str(videos), videos, args.stages) for videos in args.videos}
    finally:
        if not args.folder:
            shutil.rmtree(folder)
    least, most = min(costs), max(costs)
    for stage in args.stages if most > least else []:
        grown = costs[most][stage].cpu_s / costs[least][stage].cpu_s
        note = f"CPU time of {most} against {least} videos; theirs is what it would be if it were in proportion"
        report(f"{stage}, growth", grown, most / least, MOST_GROWTH, note, unit="times")


def _costs(folder: Path, videos: int, stages: list[str]) -> dict[str, Cost]:
    """What each stage costs in a made-up run of so many videos."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "params.yaml").exists():
        make(folder, videos)
    environment = {**os.environ, "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    costs = {}
    for stage in stages:
        if stage in OPERATIONS:
            cost = operate(stage, folder, videos, environment)
        else:
            command = [sys.executable, "-m", "benchmarks.scale.seams", *stage.split()]
            (folder / MAKING).write_text("")
            cost = measure(command, folder, environment, folder / "log.txt")
            making = sum(map(float, (folder / MAKING).read_text().split()))
            cost = replace(cost, cpu_s=cost.cpu_s - making, making_s=making)
        if cost.code:
            sys.exit(f"{stage} at {videos} videos: exit code {cost.code}: see {folder / 'log.txt'}")
        _report(stage, videos, cost)
        costs[stage] = cost
    return costs


def _report(stage: str, videos: int, cost: Cost) -> None:
    note = f"{cost.wall_s:.1f} s, {cost.cpu_s:.1f} s of CPU, {cost.peak_gib:.2f} GiB at the peak"
    note += f", without {cost.making_s:.1f} s of CPU that made the results" if cost.making_s else ""
    if stage in OPERATIONS:
        report(f"{stage} at {videos} videos", cost.cpu_s, None, OPERATIONS[stage], note, unit="s of CPU")
        return
    items = scaled(ITEMS[stage], videos)
    ms = cost.cpu_s * 1000 / items
    report(f"{stage} at {videos} videos", ms, None, MOST_MS, f"{note}; {items} items", unit="ms of CPU an item")
    most = MOST_GIB_OF_DATASET if stage == "dataset" else MOST_GIB
    report(f"{stage} at {videos} videos, memory", cost.peak_gib, None, most, "all processes together", unit="GiB")


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


def _names(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    main()
