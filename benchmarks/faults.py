"""What happens to real stages when the disk is full or read-only, a worker is killed, the clock jumps or a file is
damaged.

`python -m benchmarks.faults FOLDER` works on a copy of the finished run that `python -m benchmarks.soak FOLDER` has
made, on a file system in memory: it needs the right to mount one. Counted are stages that did not say one line, or that
then did not make the bytes of the undisturbed run.
"""

import argparse
import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks import report
from stages.common.data.files import read_yaml
from stages.common.models.clip import WEIGHTS
from stages.common.paths import (
    CAPTIONS_DIR,
    DATA_DIR,
    DATASET_DIR,
    EMBEDDINGS_DIR,
    KEYFRAMES_DIR,
    KEYS_DIR,
    PAIRS_DIR,
    QUILTNET_DIR,
    ROIS_DIR,
)

SIZE = "1g"  # of the file system
ROOM = 300_000  # bytes left where the disk is full
FULL = ("keyframes", "fingerprints", "dataset", "quiltnet")
READ_ONLY = ("keyframes", "dataset", "report")
BY_ITEM = ("videos", "keyframes", "transcripts", "rois", "captions", "fingerprints")
DAMAGED = {
    "manifest": f"{ROIS_DIR}/manifest.parquet",
    "table": f"{PAIRS_DIR}/pairs.parquet",
    "item": f"{CAPTIONS_DIR}/*.json",
    "tar": f"{KEYFRAMES_DIR}/*.tar",
    "shard": f"{DATASET_DIR}/*.tar",
    "model": f"{QUILTNET_DIR}/{WEIGHTS}",
    "vectors": f"{EMBEDDINGS_DIR}/*/*.safetensors",
    "keys": f"{KEYS_DIR}/rois.parquet",
}
BEGUN_S = 0.5  # of CPU, after which a worker is at work
HOUR_S = 3600


class FinishedRun:
    """A finished run in `folder`, whose stages are run again one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._outs = {
            name: [one["path"] for one in stage.get("outs", [])]
            for name, stage in read_yaml(folder / "dvc.lock")["stages"].items()
        }

    def digests(self, stage: str) -> dict[str, str]:
        """SHA-256 of every file that a stage has made."""
        found = {}
        for out in self._outs[stage]:
            path = self.folder / out
            for file in path.rglob("*") if path.is_dir() else [path]:
                if file.is_file():
                    found[file.relative_to(self.folder).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
        return found

    def remove(self, stage: str) -> None:
        """Remove what a stage has made, and what it goes on from."""
        for out in (*self._outs[stage], f"{DATA_DIR}/.{stage}", f"{KEYS_DIR}/.written"):
            path = self.folder / out
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A command in the folder, with this Python."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        env = {**os.environ, "PATH": path, "TMPDIR": str(self.folder / ".git")}
        return subprocess.Popen(
            command, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def stage(self, name: str) -> tuple[int, str]:
        """Run a stage; return its exit code and the last line of its errors, all of them where that is a traceback."""
        process = self.start("python", "-m", "stages." + name.split("@")[0], *name.split("@")[1:])
        err = process.communicate()[1]
        return process.returncode, err if "Traceback" in err else err.strip().rpartition("\n")[2]


@contextmanager
def in_memory(finished: Path) -> Iterator[FinishedRun]:
    """A copy of a finished run on a file system of SIZE, with that run's own cache, without
    which DVC would run all stages anew."""
    with tempfile.TemporaryDirectory() as mounted:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", mounted], check=True)
        try:
            shutil.copytree(finished, Path(mounted, "run"), symlinks=True, ignore=shutil.ignore_patterns("cache"))
            run = FinishedRun(Path(mounted, "run"))
            run.start("dvc", "cache", "dir", "--local", str(finished.resolve() / ".dvc/cache")).communicate()
            run.start("dvc", "config", "--local", "cache.type", "copy").communicate()  # so that nothing links to it
            yield run
        finally:
            subprocess.run(["umount", mounted], check=True)


def count(name: str, cases: Sequence[str], wrong: Callable[[str], str]) -> None:
    """Report how many of the cases went wrong, and how."""
    found = {case: said for case in cases if (said := wrong(case))}
    report(f"faults/{name}", len(found), None, 0, f"of {list(cases)}: {found}", unit="wrong")


def again(run: FinishedRun, stage: str, before: dict[str, str], first: tuple[int, str], says: str) -> str:
    """Run a stage that has failed again; return what was wrong with either run."""
    code, said = first
    if code != 1 or says not in said or "\n" in said:
        return f"exit code {code}: {said[-600:]}"
    code, said = run.stage(stage)
    return f"then exit code {code}: {said[-600:]}" if code else differences(before, run.digests(stage))


def differences(before: dict[str, str], after: dict[str, str]) -> str:
    """The files that differ."""
    return " ".join(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))


def full(run: FinishedRun, stage: str) -> str:
    """Leave ROOM on the disk, then all of it."""
    before = run.digests(stage)
    run.remove(stage)
    filler = run.folder / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(run.folder).free - ROOM))
    first = run.stage(stage)
    filler.unlink()
    return again(run, stage, before, first, "the disk is full at")


def read_only(run: FinishedRun, stage: str) -> str:
    """Take away the right to write, then give it back."""

    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", run.folder.parent], check=True)

    before = run.digests(stage)
    remount("ro")
    first = run.stage(stage)
    remount("rw")
    return again(run, stage, before, first, "nothing can be written at")


def killed(run: FinishedRun, stage: str) -> str:
    """Kill a worker that is at work; the stage ends well without a second run."""
    before = run.digests(stage)
    run.remove(stage)
    process = run.start("python", "-m", f"stages.{stage}")
    parent = psutil.Process(process.pid)
    worker = None
    while process.poll() is None and not worker:
        time.sleep(0.02)
        worker = busy_worker(parent)
    if not worker:
        return "no worker was at work"
    worker.kill()
    out, err = process.communicate()
    if process.returncode or "worker_died" not in out + err:
        return f"exit code {process.returncode}: {err[-300:]}"
    return differences(before, run.digests(stage))


def busy_worker(parent: psutil.Process) -> psutil.Process | None:
    """A worker of a stage that has begun."""
    for child in parent.children():
        with contextlib.suppress(psutil.Error):  # it has just ended
            if "popen_loky" in " ".join(child.cmdline()) and child.cpu_times().user > BEGUN_S:
                return child
    return None


def clock(run: FinishedRun, stage: str) -> str:
    """Let everything have been written an hour from now."""
    before = run.digests(stage)
    for name in before:
        os.utime(run.folder / name, (time.time() + HOUR_S,) * 2)
    code, said = run.stage(stage)
    return said if code else differences(before, run.digests(stage))


def damaged(run: FinishedRun, kind: str) -> str:
    """Cut a file in half; `dvc repro` makes it again."""
    path = sorted(run.folder.glob(DAMAGED[kind]))[0]
    before = {stage: run.digests(stage) for stage in run._outs}
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    process = run.start("dvc", "repro")
    out, err = process.communicate()
    if process.returncode:
        return (out + err)[-900:]
    return " ".join(filter(None, (differences(before[stage], run.digests(stage)) for stage in run._outs)))


def main(folder: Path, names: Sequence[str]) -> None:
    """Try all kinds of fault, or those that are named."""
    kinds = {
        "full": (FULL, full),
        "read_only": (READ_ONLY, read_only),
        "killed": (BY_ITEM, killed),
        "clock": (BY_ITEM, clock),
        "damaged": (tuple(DAMAGED), damaged),
    }
    with in_memory(folder / "whole") as run:
        for name in names or kinds:
            cases, wrong = kinds[name]
            count(name, cases, functools.partial(wrong, run))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="kinds of fault")
    args = parser.parse_args()
    main(args.folder, args.names)
