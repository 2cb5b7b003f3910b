"""A tiny run that is killed again and again, at moments spread over all stages, against one that is not.

`python -m benchmarks.soak FOLDER --minutes 4` works for that long and goes on from there when it is called again. Both
runs are clones of the last commit in FOLDER, on one demo world, whose five stages are not among those that are killed.
"""

import argparse
import hashlib
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from dvc.utils.hydra import apply_overrides

from benchmarks import report
from stages.common.data.files import read_json, read_yaml, write_json
from stages.common.paths import CHECKED_FILE, DEMO_DIR

ROOT = Path(__file__).resolve().parent.parent
SEED = 0
SIGNALS = {"SIGKILL": 50, "SIGTERM": 4, "SIGINT": 4}
LONGEST_S = 60.0  # into a stage: so one that begins anew each time does not take all the time
SMALL = ("frame_filter.variations=1", "magnification.views=6")  # besides profiles/tiny
LOCKS = ("dvc.lock", f"{DEMO_DIR}/dvc.lock")
START = "start of dvc"  # before the first stage, named like one
unlock = runpy.run_path(str(ROOT / ".ci/unlock.py"))["unlock"]


class Repro:
    """One `dvc repro` in a group of processes of its own; `begun` has each stage with the second in which it began."""

    def __init__(self, folder: Path) -> None:
        unlock(folder / ".dvc/tmp")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            ["dvc", "repro"],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.begun: dict[str, float] = {START: 0.0}
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.said.append(line)
            if found := re.match(r"Running stage '([^']+)'", line):
                self.begun[found[1]] = self.seconds

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._started

    @property
    def stage(self) -> str:
        """The stage that began last."""
        return list(self.begun)[-1]

    def wait_until(self, come: Callable[[], bool]) -> bool:
        """Wait until something has come, or the run has ended; return whether it has come."""
        while self._process.poll() is None:
            if come():
                return True
            time.sleep(0.005)
        return False

    def wait(self) -> int:
        """Wait until the run has ended; return its exit code."""
        code = self._process.wait()
        self._reader.join()
        return code

    def end(self, name: str) -> int:
        """Send a signal to the whole group; return the exit code."""
        os.killpg(self._process.pid, getattr(signal, name))
        return self.wait()


def clone(folder: Path) -> Path:
    """The last commit at its smallest size, in which nothing has run."""
    if not folder.exists():
        subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
        for name in LOCKS:
            (folder / name).unlink()
        overrides = re.findall(r"-S (\S+)", (ROOT / "profiles/tiny").read_text())
        apply_overrides(folder / "params.yaml", [*overrides, *SMALL])
    return folder


def share_demo(whole: Path, killed: Path) -> None:
    """Give the demo world that one run has made to the other, and to its cache."""
    if not (killed / LOCKS[1]).exists():
        for made in (DEMO_DIR, CHECKED_FILE.parent):  # what was checked first is a dependency of it
            shutil.copytree(whole / made, killed / made, dirs_exist_ok=True)
        stages = [f"{DEMO_DIR}/dvc.yaml:{name}" for name in read_yaml(killed / LOCKS[1])["stages"]]
        command = [sys.executable, "-m", "dvc", "commit", "--quiet", "--force", *stages]
        subprocess.run(command, cwd=killed, check=True)


def finish(folder: Path) -> dict[str, float]:
    """Run to the end; return the seconds that each stage took, what DVC does after it included."""
    repro = Repro(folder)
    if repro.wait():
        sys.exit("".join(repro.said[-30:]))
    ends = [*list(repro.begun.values())[1:], repro.seconds]
    return {stage: end - begun for (stage, begun), end in zip(repro.begun.items(), ends, strict=True)}


def moments(stages: list[str]) -> list[tuple[str, str, float]]:
    """For each signal the stage, as evenly spread as numbers allow, and the part of its time after which it comes; in
    the order of stages."""
    rng = np.random.default_rng(SEED)
    drawn = []
    for name, count in SIGNALS.items():
        rounds = [rng.permutation(len(stages)) for _ in range(count // len(stages) + 1)]
        drawn += [(int(stage), name) for stage in np.concatenate(rounds)[:count]]
    rng.shuffle(drawn)
    ordered = sorted(drawn, key=lambda one: int(one[0]))
    return [(stages[int(stage)], str(name), float(rng.random())) for stage, name in ordered]


def disturb(folder: Path, seconds: dict[str, float], stage: str, name: str, part: float) -> dict[str, Any] | None:
    """Run until `part` of the time of `stage`, or of a later one where that is done, and send the signal; None where
    the run ended before that."""
    order = list(seconds)
    repro = Repro(folder)
    if not repro.wait_until(lambda: order.index(repro.stage) >= order.index(stage)):
        raise SystemExit("".join(repro.said[-30:]))
    moment = repro.begun[repro.stage] + part * min(LONGEST_S, seconds[repro.stage])
    if not repro.wait_until(lambda: repro.seconds > moment):
        return None
    hit = repro.stage
    code = repro.end(name)
    return {"signal": name, "stage": hit, "part": round(part, 3), "code": code, "said": "".join(repro.said[-4:])}


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the lock files, and of each file of every output that they name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(folder)
    }


def _files(folder: Path) -> Iterator[Path]:
    for name in LOCKS:
        yield folder / name
        for stage in read_yaml(folder / name)["stages"].values():
            for out in stage.get("outs", []):
                path = folder / out["path"]
                yield from (one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def compare(whole: Path, killed: Path, sent: list[dict[str, Any]]) -> None:
    """Report the files that differ, and how many stages the signals came in."""
    left, right = digests(whole), digests(killed)
    different = sorted(path for path in left.keys() | right.keys() if left.get(path) != right.get(path))
    signals = dict(Counter(one["signal"] for one in sent))
    stages = dict(Counter(one["stage"] for one in sent))
    report(
        "soak/different",
        len(different),
        None,
        0,
        f"of {len(left)} files, after {signals}: {different[:5]}",
        unit="files",
    )
    report("soak/stages", len(stages), None, 12, f"signals by stage: {stages}", unit="stages hit", at_least=True)


def main(folder: Path, minutes: float) -> None:
    """Do what can be begun within `minutes`; report once both runs are through."""
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    whole, killed = clone(folder / "whole"), clone(folder / "killed")
    times, journal = folder / "seconds.json", folder / "signals.jsonl"
    if not times.exists():
        write_json(times, finish(whole))
    share_demo(whole, killed)
    seconds = {stage: took for stage, took in read_json(times).items() if not stage.startswith(f"{DEMO_DIR}/")}
    journal.touch()
    for stage, name, part in moments(list(seconds))[len(journal.read_text().splitlines()) :]:
        if time.monotonic() - started > 60 * minutes:
            return
        sent = disturb(killed, seconds, stage, name, part)
        with journal.open("a") as file:
            file.write(json.dumps(sent) + "\n")
    finish(killed)
    compare(whole, killed, [one for one in map(json.loads, journal.read_text().splitlines()) if one])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0, help="after which no other run is begun")
    args = parser.parse_args()
    main(args.folder, args.minutes)
