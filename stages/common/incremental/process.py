"""A process that works on one call at a time, and whose end is not the end of the stage.

A call may crash its process (a fault in a decoder, the kernel's out-of-memory killer), never return, or take more
memory than there is. The process is that of an executor of its own, so it is known which call did that.
"""

import faulthandler
import functools
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any

from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor, process_executor
from joblib.externals.loky.backend.context import get_context

from stages.common.stage.logs import log_file

POLL_S = 0.2  # how often the time and the memory of a call are looked at
START_S = 600.0  # in which a process must have begun
GB = 10**9
LEAK_GB = 4.0  # by which a process may grow before loky replaces it
LOST_REASONS = ("worker_died", "timeout", "memory")
_STARTING = threading.Lock()  # one process is started at a time


class Lost(Exception):
    """A call took its process along, or was ended: `reason` is worker_died, timeout or memory."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Call:
    """What a worker does in one go: `do()`, in at most `seconds`."""

    name: str
    do: Callable[[], Any]
    seconds: float


class ProcessWorker:
    """A worker on this machine. Its process begins with the first call."""

    def __init__(self, environment: dict[str, str], memory_gb: float) -> None:
        self._environment = environment
        self._memory_gb = memory_gb
        self._executor: Any = None
        self._closed = False

    def wait_until_ready(self) -> None:
        """Nothing to wait for."""

    def run(self, call: Call) -> Any:
        """Make a call, and end its process where it takes too long or too much memory. The time in which a new process
        imports what the call needs does not count."""
        if self._executor is None:
            self._watched(functools.partial(_import, call.do), START_S)
        return self._watched(call.do, call.seconds)

    def _watched(self, do: Callable[[], Any], seconds: float) -> Any:
        try:
            future, executor = self._submit(do)
        except BrokenProcessPool:  # it has ended since the last call, as when the kernel wanted memory
            self.renew()
            future, executor = self._submit(do)
        processes = dict(executor._processes)  # one; others after it where loky replaces one that has grown
        deadline = time.monotonic() + seconds
        while not wait([future], timeout=POLL_S).done:
            if time.monotonic() > deadline:
                self.renew()
                raise Lost("timeout", f"took more than {seconds:g} s")
            processes |= executor._processes
            if self._memory_gb and _memory(processes) > self._memory_gb * GB:
                self.renew()
                raise Lost("memory", f"took more than {self._memory_gb:g} GB of memory")
        try:
            return future.result()
        except BrokenProcessPool as error:
            self.renew()
            raise Lost("worker_died", _how_it_ended(processes) or str(error).splitlines()[0]) from None

    def _submit(self, do: Callable[[], Any]) -> tuple[Any, Any]:
        """The future of a call, and its executor."""
        with _STARTING:
            if self._closed:
                raise Lost("worker_died", "the stage was stopped")
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    1, context=get_context("loky"), env=self._environment, initializer=_begin, initargs=(os.getpid(),)
                )
            return self._executor.submit(do), self._executor

    def renew(self) -> None:
        """End the process."""
        with _STARTING:
            executor, self._executor = self._executor, None
        if executor:
            executor.shutdown(wait=True, kill_workers=True)

    def close(self) -> None:
        """End the process and start no other."""
        self._closed = True
        self.renew()


def _import(do: Callable[[], Any]) -> None:
    """Nothing: that `do` has come here is what imports its module."""


def _begin(parent: int) -> None:
    """Prepare a worker's process: after Ctrl-C it is ended by `parent`, it does not outlive that, and where it crashed
    is said in the log of the run, if there is one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # At loky's own 0.3 GB every process that loads a model was replaced, and had to load it again.
    process_executor._MAX_MEMORY_LEAK_SIZE = LEAK_GB * GB
    if log := log_file():
        faulthandler.enable(log.open("a"))
    threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)


def _memory(processes: dict[int, Any]) -> int:
    """Bytes that processes hold in memory."""
    import psutil

    held = 0
    for pid in processes:
        try:
            held += psutil.Process(pid).memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    return held


def _how_it_ended(processes: dict[int, Any]) -> str:
    """How the first process that did not end by itself ended, in a few words."""
    for code in (process.exitcode for process in processes.values()):
        if code and code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        if code:
            return f"its process ended with exit code {code}"
    return ""
