"""What a command costs: wall time, CPU time and memory of its process and of all that it starts."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_S = 0.25


@dataclass(frozen=True)
class Cost:
    """Seconds, and GiB at the peak: of all processes together as seen every POLL_S (memory that they share once), or
    of one of them alone where that is more."""

    wall_s: float
    cpu_s: float
    peak_gib: float
    code: int
    making_s: float = 0.0  # CPU time that made results, not in `cpu_s`


def measure(command: Sequence[str], folder: Path, environment: dict[str, str], log: Path) -> Cost:
    """Run a command in `folder` and return what it cost; what it says goes to `log`. Ctrl-C ends it with all that it
    started."""
    began = time.perf_counter()
    with log.open("ab") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        peak = 0
        try:
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                peak = max(peak, _held(process.pid))
                time.sleep(POLL_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    peak = max(peak, usage.ru_maxrss * 1024)
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak / 2**30, process.returncode)


def _held(pid: int) -> int:
    """Bytes that a process and all below it hold in memory, shared ones in parts (PSS)."""
    held = 0
    try:
        root = psutil.Process(pid)
        for one in (root, *root.children(recursive=True)):
            try:
                held += one.memory_full_info().pss
            except psutil.Error:  # it has just ended
                continue
    except psutil.Error:
        pass
    return held
